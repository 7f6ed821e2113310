"""What the API, the workers and the command line share.

Read in this order: ``errors``, ``params`` (the parameters of a job), ``jobs`` (the job record and
its status), ``pictures`` (decoding and encoding), ``blobs`` (stored files), ``store`` (everything
in Redis), ``queue`` (the Celery messages), ``upkeep`` (requeues lost jobs, removes expired files).
``runtime`` has Redis clients, logs and traces, ``settings`` the ``EASEL_`` variables, ``webhooks``
the subscriptions of callers. The optimiser is ``nst``, the only package that imports torch.
"""
