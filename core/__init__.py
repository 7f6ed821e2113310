"""What the API, the workers and the command line share.

Read in this order: ``errors``, ``params`` (the parameters of a job), ``jobs`` (the job record and
its status), ``pictures`` (decoding and encoding), ``blobs`` (stored files), ``store`` (everything
in Redis), ``queue`` (the Celery messages), ``upkeep`` (requeues lost jobs, removes expired files).
``runtime``, ``settings`` and ``webhooks`` say by name what they hold. The optimiser is ``nst``,
the only package that imports torch.
"""
