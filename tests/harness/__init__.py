"""What the suites share: a suite itself has only its scenarios.

The stage, which an engine needs to work:

* ``settings`` and ``site``: a configuration, and an engine on a simulated cloud in this process;
* ``process``, ``program``: the engine's command, and any other program, as a process;
* ``forks``, ``zygote``: engines as processes that start at once, to be killed and frozen;
* ``servers``: a RabbitMQ, MariaDB, PostgreSQL or Redis of the test's own;
* ``guests``, ``cloud``: instances of every kind on hosts that fail, and how each must be in the end;
* ``monitor``: who notifies the engines.

The chaos, which is done to an engine: ``inside`` holds what is put into its process, mistakes (``sabotage``)
and signals at a chosen moment (``tripwire``).

The oracle: ``oracle`` has the one list of what must be true afterwards, ``outcome`` shows what was not.
"""
