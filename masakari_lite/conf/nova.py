"""[nova]: how to reach Nova, by keystoneauth; and Masakari's older options in [DEFAULT]."""

from collections.abc import Sequence
from typing import Any

from keystoneauth1 import loading
from oslo_config import cfg

from masakari_lite.conf import emptiness

GROUP = "nova"

_ADAPTER_OPTS = ("service_type", "service_name", "valid_interfaces", "region_name", "endpoint_override")

_OPTS = [
    cfg.FloatOpt(
        "retry_period",
        default=300,
        min=0,
        mutable=True,
        help="For how many seconds a request that Nova or Keystone did not answer, or answered with 429 or "
        "5xx, is sent again, with growing pauses, before what needed it is given up. Only requests that may "
        "be repeated safely are. An unlock is repeated until it holds, whatever this says.",
    ),
    cfg.IntOpt(
        "late_request_period",
        default=90,
        min=1,
        mutable=True,
        help="For how many seconds after it was sent Nova may still begin to carry out a request that it has "
        "not answered, because the request waits in a load balancer or in an API server's queue. An "
        "evacuation that may have been sent, by an engine that died or without an answer, is sent again only "
        "when no evacuation record has appeared for so long; and so long after the end of such a vmove the "
        "instance is checked once more for a late lock and a second evacuation. Shorter resumes an "
        "interrupted vmove sooner. Must exceed the queue and server timeouts of the load balancers before "
        "Nova.",
    ),
]

_LEGACY_OPTS = [
    cfg.StrOpt(
        "os_privileged_user_name",
        help="Masakari's name of the user that acts on Nova. Honoured when [nova] auth_type is not set.",
    ),
    cfg.StrOpt(
        "os_privileged_user_password",
        secret=True,
        help="Password of os_privileged_user_name.",
    ),
    cfg.StrOpt(
        "os_privileged_user_tenant",
        help="Project of os_privileged_user_name.",
    ),
    cfg.URIOpt(
        "os_privileged_user_auth_url",
        schemes=["http", "https"],
        help="Keystone's URL for os_privileged_user_name.",
    ),
    cfg.StrOpt(
        "os_user_domain_name",
        default="default",
        help="Name, or id, of the domain of os_privileged_user_name.",
    ),
    cfg.StrOpt(
        "os_project_domain_name",
        default="default",
        help="Name, or id, of the domain of os_privileged_user_tenant.",
    ),
    cfg.StrOpt(
        "os_system_scope",
        choices=[("all", "the whole system")],
        help="Scope of the token of os_privileged_user_name when os_privileged_user_tenant is not set. Nova "
        "refuses a token for the system for everything that the engine asks (403), unless [oslo_policy] "
        "enforce_scope is false in nova.conf; os_privileged_user_tenant works everywhere.",
    ),
    cfg.StrOpt(
        "os_region_name",
        help="Region of Nova's endpoint. Honoured when [nova] region_name is not set.",
    ),
    cfg.StrOpt(
        "nova_catalog_admin_info",
        default="compute:nova:publicURL",
        regex=r"^\s*[^:\s]+\s*:[^:]*:\s*(public|internal|admin)(URL)?\s*$",
        help="Where Nova is in Keystone's catalog: <service_type>:<service_name>:<endpoint_type>. The name "
        "is ignored, as it always was by Masakari. Honoured when [nova] auth_type is not set.",
    ),
    cfg.StrOpt(
        "nova_ca_certificates_file",
        help="File of CA certificates to verify Nova and Keystone with. Honoured when [nova] cafile is not "
        "set.",
    ),
    cfg.BoolOpt(
        "nova_api_insecure",
        default=False,
        help="Whether to skip the verification of certificates. Honoured when [nova] auth_type is not set.",
    ),
]


_OPTS = emptiness.unset_when_empty(_OPTS)
_LEGACY_OPTS = emptiness.unset_when_empty(_LEGACY_OPTS)


def register_opts(conf: cfg.ConfigOpts) -> None:
    """Register the options of [nova] and Masakari's older ones.

    The options of the auth plugin itself (``auth_url``, ``username`` ...) are registered when
    keystoneauth loads the plugin that ``[nova] auth_type`` names.
    """
    conf.register_opts(_OPTS, GROUP)
    conf.register_opts(_LEGACY_OPTS)
    loading.register_auth_conf_options(conf, GROUP)
    conf.register_opts(_session_opts(), GROUP)
    conf.register_opts(_adapter_opts(), GROUP)


def _session_opts() -> list[cfg.Opt]:
    # without a limit a request to a dead nova-api would hang for ever
    opts: list[cfg.Opt] = loading.get_session_conf_options()
    cfg.set_defaults(opts, timeout=60)
    return emptiness.unset_when_empty(opts)


def _adapter_opts() -> list[cfg.Opt]:
    """Leave out what is ours: which microversion is asked for, and when a request is repeated."""
    opts: list[cfg.Opt] = loading.get_adapter_conf_options(include_deprecated=False)
    cfg.set_defaults(opts, service_type="compute")
    return emptiness.unset_when_empty(opt for opt in opts if opt.dest in _ADAPTER_OPTS)


def list_opts() -> list[tuple[str, Sequence[Any]]]:
    """Return the options by group, the password plugin's as the usual example of an auth_type."""
    auth = loading.get_auth_plugin_conf_options("v3password")
    return [
        ("DEFAULT", _LEGACY_OPTS),
        (
            GROUP,
            [
                *_OPTS,
                *loading.get_auth_common_conf_options(),
                *auth,
                *_session_opts(),
                *_adapter_opts(),
            ],
        ),
    ]
