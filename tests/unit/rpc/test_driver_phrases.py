"""What is relied on of oslo.messaging's RabbitMQ driver beyond its API: the words of its log.

Seen in oslo.messaging 18. When one of these fails, see how the driver logs it now, and change ``broker_log``.
"""

import inspect
import re

import pytest
from oslo_messaging._drivers import impl_rabbit

from masakari_lite.rpc import broker_log

# as one string, whatever lines the source has them on
SOURCE = re.sub(r"\"\s*\n\s*\"|'\s*\n\s*'", "", inspect.getsource(impl_rabbit))


@pytest.mark.parametrize(
    "phrase",
    [
        *broker_log._FAILURES,
        *broker_log._REFUSALS,
        broker_log._CONFLICT,
        broker_log._RECONNECTED,
    ],
)
def test_the_driver_logs_it(phrase):
    assert phrase in SOURCE


def test_its_logger_has_the_name_of_its_module():
    assert impl_rabbit.LOG.logger.name == broker_log._DRIVER
