"""The worker: takes jobs from claim to final state.

``python -m worker`` starts a parent process, which receives messages, and for each job at a time
(``EASEL_WORKERS``) a spawned child, which holds the network and the device.
"""
