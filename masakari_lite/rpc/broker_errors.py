"""Why a broker refuses what is asked of it, and what an operator can do about it.

Nothing but RabbitMQ's words tells one refusal from another.
"""

import re

_ALL = "'.*' '.*' '.*'"
_GRANT = "rabbitmqctl set_permissions -p {vhost} {user} " + _ALL
_DELETE = {
    "queue": "rabbitmqctl delete_queue -p {vhost} {name}",
    "exchange": "rabbitmqadmin -V {vhost} delete exchange name={name}",
}
_OPTIONS = {
    "durable": "amqp_durable_queues, rabbit_quorum_queue and rabbit_transient_quorum_queue",
    "x-queue-type": "rabbit_quorum_queue, rabbit_transient_quorum_queue and rabbit_stream_fanout",
}
_OTHERS = "rabbit_quorum_queue, rabbit_transient_queues_ttl and the like"

_OTHER_PROPERTIES = re.compile(
    r"inequivalent arg '(?P<arg>[^']+)' for (?P<kind>queue|exchange) '(?P<name>[^']+)' in vhost "
    r"'(?P<vhost>[^']+)': received (?P<wanted>.+?) but current is (?P<found>'[^']*'|[^:]+)"
)
_ADVICE = (
    (
        re.compile(r"vhost (?P<vhost>\S+) not found"),
        "the broker has no virtual host {vhost}: correct the end of [DEFAULT] transport_url, or make it: "
        "rabbitmqctl add_vhost {vhost}; " + _GRANT.replace("{user}", "USER"),
    ),
    (
        re.compile(r"access to vhost '(?P<vhost>.+?)' refused for user '(?P<user>.+?)'"),
        "user {user} of [DEFAULT] transport_url may not use the virtual host {vhost}: " + _GRANT,
    ),
    (
        re.compile(
            r"access to (?P<kind>\w+) '(?P<name>.+?)' in vhost '(?P<vhost>.+?)' refused for user "
            r"'(?P<user>.+?)'"
        ),
        "user {user} of [DEFAULT] transport_url lacks a permission for the {kind} {name}: " + _GRANT,
    ),
    (
        re.compile("Login was refused|can only connect via localhost"),
        "the broker refuses the user or the password of [DEFAULT] transport_url; its log has which",
    ),
    (
        re.compile("CERTIFICATE_VERIFY_FAILED"),
        "the broker's certificate is not trusted: check ssl_ca_file in [oslo_messaging_rabbit], and the "
        "host's name in [DEFAULT] transport_url",
    ),
    (
        re.compile("WRONG_VERSION_NUMBER"),
        "there is no TLS at that port of the broker: check the port in [DEFAULT] transport_url (5671 is "
        "usual for TLS) and ssl in [oslo_messaging_rabbit]",
    ),
    (re.compile(r"\[SSL"), "TLS with the broker fails: check ssl and ssl_* in [oslo_messaging_rabbit]"),
)
_AROUND = re.compile(r"^Unable to connect to AMQP server on \S+ after \S+ tries: ")


def is_known(text: str) -> bool:
    """Return whether a text is of a refusal that is known here."""
    return bool(_explain_other_properties(text) or _find_advice(text))


def explain(text: str) -> str:
    """Return what to do about a refusal, and its text; only the text where nothing is known about it.

    :param text: RabbitMQ's, oslo.messaging's about it, or the TLS library's
    """
    text = _AROUND.sub("", text)
    advice = _explain_other_properties(text) or _find_advice(text)
    return f"{advice} ({text})" if advice else text


def _explain_other_properties(text: str) -> str | None:
    found = _OTHER_PROPERTIES.search(text)
    if found is None:
        return None
    if found["arg"] == "type":
        return (
            f"the exchange {found['name']} of the virtual host {found['vhost']} is another program's: choose "
            "another [DEFAULT] control_exchange, for the monitors too, or delete it"
        )
    command = _DELETE[found["kind"]].format_map(found.groupdict())
    return (
        f"the {found['kind']} {found['name']} of the virtual host {found['vhost']} was made with other "
        f"properties by an earlier release or another configuration ({found['arg']} is {found['found']}, not "
        f"{found['wanted']}): stop what uses it and delete it ({command}), or set "
        f"{_OPTIONS.get(found['arg'], _OTHERS)} in [oslo_messaging_rabbit] as they were"
    )


def _find_advice(text: str) -> str | None:
    for words, advice in _ADVICE:
        if found := words.search(text):
            return advice.format_map(found.groupdict())
    return None
