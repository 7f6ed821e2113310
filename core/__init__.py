"""What the api and the workers share.

Read in this order: ``errors``, ``params`` (every knob of a job), ``jobs`` (the
record and its life), ``settings``, ``logs``, ``images`` (pictures in and out),
``records`` and ``store`` (jobs in Redis), ``blobs`` (pictures on disk), ``workers``
(who is alive), ``queue`` (the Celery message), ``reaper`` (what brings lost jobs
back). The optimiser itself is ``core.nst``, the only part that imports torch.
"""
