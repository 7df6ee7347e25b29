"""Envoy: ``ext_authz`` over HTTP, whose filter asks before any other of ours lets a request go on.

The filters stand in this order: what the client says in our words is removed, ours is set from the connection, Gatepost is
asked, and what only it may read is removed again. ``failure_mode_allow`` is false and stays so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from gatepost.enforcement.site import ASKED, BLANKED, FOR_US, OWN, TOLD, UNAVAILABLE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gatepost.enforcement.site import Address, Site

_V3 = "type.googleapis.com/envoy.extensions"
_SET = "OVERWRITE_IF_EXISTS_OR_ADD"


def render_envoy(site: Site) -> str:
    """Render a bootstrap file, as JSON, which is YAML: it holds the proxy's token, so nobody but root may read it."""
    document = {
        "static_resources": {
            "listeners": [_listener(site)],
            "clusters": [
                _cluster("application", site.application, None),
                _cluster("gatepost", site.gatepost, site.gatepost_ca),
            ],
        }
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n"


def _listener(site: Site) -> dict[str, Any]:
    address = site.address.strip("[]") or "::"
    socket = {"address": address, "port_value": site.port} | ({} if site.address else {"ipv4_compat": True})
    return {
        "name": "applications",
        "address": {"socket_address": socket},
        "listener_filters": [
            {
                "name": "envoy.filters.listener.tls_inspector",
                "typed_config": {"@type": f"{_V3}.filters.listener.tls_inspector.v3.TlsInspector"},
            }
        ],
        "per_connection_buffer_limit_bytes": 65_536,
        "filter_chains": [
            {
                # Whoever names another host in the handshake finds no chain, and the connection ends.
                "filter_chain_match": {"server_names": [site.app]},
                "transport_socket": _tls(site),
                "filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": _manager(site)}],
            }
        ],
    }


def _tls(site: Site) -> dict[str, Any]:
    return {
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": f"{_V3}.transport_sockets.tls.v3.DownstreamTlsContext",
            # The client shows a certificate if it has one, and signs the handshake; Gatepost judges it.
            "require_client_certificate": False,
            "disable_stateless_session_resumption": True,
            "disable_stateful_session_resumption": True,
            "common_tls_context": {
                "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
                "alpn_protocols": ["h2", "http/1.1"],
                "tls_certificates": [
                    {
                        "certificate_chain": {"filename": site.certificate},
                        "private_key": {"filename": site.key},
                    }
                ],
                "validation_context": {
                    "trusted_ca": {"filename": site.certificate},
                    "trust_chain_verification": "ACCEPT_UNTRUSTED",
                },
            },
        },
    }


def _manager(site: Site) -> dict[str, Any]:
    return {
        "@type": f"{_V3}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "applications",
        "use_remote_address": True,
        "forward_client_cert_details": "SANITIZE",
        "normalize_path": True,
        "merge_slashes": False,
        "path_with_escaped_slashes_action": "REJECT_REQUEST",
        "common_http_protocol_options": {
            "headers_with_underscores_action": "DROP_HEADER",
            "idle_timeout": "60s",
            # No connection lives for ever: the next one proves the client's key anew.
            "max_connection_duration": "300s",
        },
        "request_headers_timeout": "15s",
        "stream_idle_timeout": "60s",
        "max_request_headers_kb": 64,
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "application",
                    "domains": [site.app, f"{site.app}:{site.port}"],
                    "routes": [
                        _own(site),
                        {"match": {"prefix": "/"}, "route": {"cluster": "application", "timeout": "60s"}},
                    ],
                }
            ]
        },
        "local_reply_config": {
            "mappers": [
                {
                    "filter": {
                        "status_code_filter": {
                            "comparison": {"op": "EQ", "value": {"default_value": 503, "runtime_key": "gatepost"}}
                        }
                    },
                    "body": {"inline_string": UNAVAILABLE},
                    "body_format_override": {"text_format_source": {"inline_string": "%LOCAL_REPLY_BODY%"}},
                }
            ]
        },
        "http_filters": _filters(site),
    }


def _filters(site: Site) -> list[dict[str, Any]]:
    return [
        _mutation("gatepost_ours", [*_remove(f"x-gatepost-{item}" for item in (*TOLD, *ASKED)), *_ours(site)]),
        _asking(site),
        _mutation(
            "gatepost_clean",
            [
                # The application gets the client's cookies without those of ours, which Gatepost left out.
                *_remove(["cookie"]),
                _set("cookie", "%REQ(x-gatepost-cookie)%", keep_empty=False),
                *_remove([*(f"x-gatepost-{item}" for item in ASKED), *BLANKED]),
            ],
        ),
        {
            "name": "envoy.filters.http.router",
            "typed_config": {"@type": f"{_V3}.filters.http.router.v3.Router"},
        },
    ]


def _mutation(name: str, mutations: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "name": name,
        "typed_config": {
            "@type": f"{_V3}.filters.http.header_mutation.v3.HeaderMutation",
            "mutations": {"request_mutations": mutations},
        },
    }


def _remove(names: Iterable[str]) -> list[dict[str, Any]]:
    return [{"remove": name.lower()} for name in names]


def _ours(site: Site) -> list[dict[str, Any]]:
    told = {
        "app": site.app,
        "host": "%REQ(:AUTHORITY)%",
        "method": "%REQ(:METHOD)%",
        "address": "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%",
        "certificate": "%DOWNSTREAM_PEER_CERT%",
    }
    return [_set(f"x-gatepost-{name}", value, keep_empty=name != "certificate") for name, value in told.items()]


def _set(name: str, value: str, *, keep_empty: bool) -> dict[str, Any]:
    header = {"key": name, "value": value}
    return {"append": {"header": header, "append_action": _SET, "keep_empty_value": keep_empty}}


def _own(site: Site) -> dict[str, Any]:
    """Give the route where browsers come by for which their device's agent vouches."""
    told = {"x-gatepost-proxy": site.token, "x-gatepost-target": "%REQ(:PATH)%"}
    return {
        "match": {"prefix": OWN},
        "route": {
            "cluster": "gatepost",
            "timeout": "5s",
            "host_rewrite_literal": site.gatepost.authority,
            "regex_rewrite": {"pattern": {"regex": ".*"}, "substitution": "/access/v1/at"},
        },
        "request_headers_to_add": [
            {"header": {"key": name, "value": value}, "append_action": _SET} for name, value in told.items()
        ],
        "typed_per_filter_config": {
            "envoy.filters.http.ext_authz": {
                "@type": f"{_V3}.filters.http.ext_authz.v3.ExtAuthzPerRoute",
                "disabled": True,
            },
            "gatepost_clean": {
                "@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig",
                "config": {},
                "disabled": True,
            },
        },
    }


def _asking(site: Site) -> dict[str, Any]:
    asked = [f"x-gatepost-{name}" for name in ("app", "host", "method", "address", "certificate")]
    handed_on = [*asked, "accept", "cookie", *(name.lower() for name in FOR_US)]
    return {
        "name": "envoy.filters.http.ext_authz",
        "typed_config": {
            "@type": f"{_V3}.filters.http.ext_authz.v3.ExtAuthz",
            "failure_mode_allow": False,
            "status_on_error": {"code": "ServiceUnavailable"},
            "clear_route_cache": False,
            "allowed_headers": {"patterns": [{"exact": name} for name in handed_on]},
            "http_service": {
                "server_uri": {
                    "uri": f"{site.gatepost.scheme}://{site.gatepost.authority}",
                    "cluster": "gatepost",
                    "timeout": "0.9s",
                },
                "path_prefix": "/access/v1/decide",
                "authorization_request": {
                    "headers_to_add": [
                        {"key": "x-gatepost-proxy", "value": site.token},
                        {"key": "x-gatepost-answer", "value": "page"},
                    ]
                },
                "authorization_response": {
                    "allowed_upstream_headers": {
                        "patterns": [{"exact": f"x-gatepost-{name.lower()}"} for name in (*TOLD, "Cookie")]
                    },
                    "allowed_client_headers": {
                        "patterns": [
                            {"exact": name} for name in ("content-type", "cache-control", "content-security-policy")
                        ]
                    },
                },
            },
        },
    }


def _cluster(name: str, address: Address, authority: str | None) -> dict[str, Any]:
    endpoint = {"address": {"socket_address": {"address": address.host, "port_value": address.port}}}
    cluster: dict[str, Any] = {
        "name": name,
        "type": "STRICT_DNS",
        "connect_timeout": "0.3s",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [{"endpoint": endpoint}]}]},
    }
    if address.scheme == "https":
        cluster["transport_socket"] = {
            "name": "envoy.transport_sockets.tls",
            "typed_config": {
                "@type": f"{_V3}.transport_sockets.tls.v3.UpstreamTlsContext",
                **({} if address.is_number else {"sni": address.host}),
                "common_tls_context": {
                    "validation_context": {
                        "trusted_ca": {"filename": authority or "/etc/ssl/certs/ca-certificates.crt"},
                        "match_typed_subject_alt_names": [
                            {
                                "san_type": "IP_ADDRESS" if address.is_number else "DNS",
                                "matcher": {"exact": address.host},
                            }
                        ],
                    }
                },
            },
        }
    return cluster
