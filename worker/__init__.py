"""The worker: takes one job at a time from claim to final state.

``celery -A worker.main worker`` starts two processes: a parent, which receives messages, and
a spawned child, which holds the network and the device.
"""
