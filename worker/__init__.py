"""The worker: takes a job from claim to final state.

``celery -A worker.main worker`` starts one parent, which talks to Redis, and one
spawned child, which holds the network and the device.
"""
