"""What the api and the workers share.

Read in this order: ``errors``, ``params`` (every knob of a job), ``jobs`` (the
record and its life), ``settings``, ``logs``, ``images`` (pictures in and out),
``store`` (records in Redis), ``blobs`` (pictures on disk), ``workers`` (who is
alive), ``queue`` (the Celery message). The optimiser itself is ``core.nst``,
the only part that imports torch.
"""
