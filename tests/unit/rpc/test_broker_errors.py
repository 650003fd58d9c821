"""What a broker's refusals tell an operator; the words are those of RabbitMQ 3.10 and oslo.messaging 18."""

import pytest

from masakari_lite.rpc import broker_errors

REFUSALS = [
    (
        "Exchange.declare: (406) PRECONDITION_FAILED - inequivalent arg 'durable' for "
        "exchange 'masakari' in vhost '/': received 'true' but current is 'false'",
        (
            "the exchange masakari of the virtual host / was made with other properties",
            "durable is 'false', not 'true'",
            "rabbitmqadmin -V / delete exchange name=masakari",
            "amqp_durable_queues, rabbit_quorum_queue",
        ),
    ),
    (
        "Queue.declare: (406) PRECONDITION_FAILED - inequivalent arg 'durable' for queue "
        "'ha_engine' in vhost 'v': received 'true' but current is 'false'",
        ("rabbitmqctl delete_queue -p v ha_engine",),
    ),
    (
        "Unable to connect to AMQP server on h:5672 after inf tries: Queue.declare: (406) "
        "PRECONDITION_FAILED - inequivalent arg 'x-queue-type' for queue 'ha_engine' in "
        "vhost 'v': received the value 'quorum' of type 'longstr' but current is none",
        (
            "x-queue-type is none",
            "rabbit_quorum_queue",
            "delete_queue -p v ha_engine",
        ),
    ),
    (
        "Queue.declare: (406) PRECONDITION_FAILED - inequivalent arg 'x-expires' for queue "
        "'q' in vhost 'v': received the value '60000' of type 'signedint' but current is none",
        ("rabbit_transient_queues_ttl",),
    ),
    (
        "Exchange.declare: (406) PRECONDITION_FAILED - inequivalent arg 'type' for exchange "
        "'masakari' in vhost 'v': received 'topic' but current is 'direct'",
        (
            "is another program's",
            "control_exchange",
        ),
    ),
    (
        "Connection.open: (530) NOT_ALLOWED - vhost v not found",
        (
            "add_vhost v",
            "[DEFAULT] transport_url",
        ),
    ),
    (
        "Connection.open: (530) NOT_ALLOWED - access to vhost 'v' refused for user 'u'",
        ("set_permissions -p v u '.*' '.*' '.*'",),
    ),
    (
        "Exchange.declare: (403) ACCESS_REFUSED - access to exchange 'masakari' in vhost 'v' "
        "refused for user 'u'",
        (
            "lacks a permission for the exchange masakari",
            "set_permissions -p v u",
        ),
    ),
    (
        "(0, 0): (403) ACCESS_REFUSED - Login was refused using authentication mechanism "
        "AMQPLAIN. For details see the broker logfile.",
        ("the user or the password of [DEFAULT] transport_url",),
    ),
    (
        "Connection failed: [SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1006) "
        "(retrying in 1.0 seconds)",
        (
            "no TLS at that port",
            "[oslo_messaging_rabbit]",
        ),
    ),
    (
        "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate",
        ("ssl_ca_file",),
    ),
    (
        "[SSL: TLSV1_ALERT_PROTOCOL_VERSION] tlsv1 alert protocol version",
        ("TLS with the broker fails",),
    ),
]


@pytest.mark.parametrize(("said", "told"), REFUSALS, ids=[said[-60:] for said, _told in REFUSALS])
def test_each_tells_what_to_do_and_what_was_said(said: str, told: tuple[str, ...]) -> None:
    explained = broker_errors.explain(said)
    for words in told:
        assert words in explained
    assert said.rpartition("tries: ")[2] in explained
    assert "after inf tries" not in explained
    assert broker_errors.is_known(said)


def test_what_is_not_known_is_left_as_it_is() -> None:
    assert broker_errors.explain("[Errno 111] ECONNREFUSED") == "[Errno 111] ECONNREFUSED"
    assert not broker_errors.is_known("[Errno 111] ECONNREFUSED")
