"""Bring up the cloud that the tests run on, unless one is given: ``python -m tests.cloud``."""

import os

from tests.cloud import clouds, given

if __name__ == "__main__" and not given.is_given(os.environ):
    clouds.bring_up(os.environ)
