"""The tests run monkey-patched, as the engine does in production (see masakari_lite.cmd.engine)."""

import os
import warnings

os.environ.setdefault("EVENTLET_NO_GREENDNS", "yes")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import eventlet

    eventlet.monkey_patch()
    from oslo_service import backend

    backend.init_backend(backend.BackendType.EVENTLET)
