"""The installed engine on a real OpenStack; run by ``tox -e cloud``. What came of it is asked of Nova."""
