"""Caddy: what its ``forward_auth`` stands for, written out, so that only our headers go to Gatepost.

The client's headers are deleted before ours are set: within one ``reverse_proxy`` Caddy deletes after it sets. ``mode request``
asks for the client's certificate, has the handshake signed, and leaves judging to Gatepost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gatepost.enforcement.site import ASKED, BLANKED, OWN, TOLD, UNAVAILABLE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gatepost.enforcement.site import Site

_DECISION = "{http.reverse_proxy.header.X-Gatepost-%s}"


def render_caddy(site: Site) -> str:
    """Render a Caddyfile: it holds the proxy's token, so nobody but root may read it."""
    return "\n".join(
        [
            f"# {site.app} behind Gatepost, for Caddy 2.8 and later. It holds a secret: mode 0600, owned by root.",
            "{",
            *_indent(_global()),
            "}",
            "",
            f"https://{site.app}:{site.port} {{",
            *_indent([f"bind {site.address}"] if site.address else []),
            *_indent(
                [
                    f"tls {site.certificate} {site.key} {{",
                    "\tclient_auth {",
                    "\t\tmode request",
                    "\t}",
                    "}",
                    "route {",
                    *_indent(_asking(site)),
                    *_indent(_application(site)),
                    "}",
                    "handle_errors {",
                    "\theader Cache-Control no-store",
                    "\theader Content-Type text/html",
                    f"\trespond `{UNAVAILABLE}` 503",
                    "}",
                ]
            ),
            "}",
            *(_refusing(site) if site.refuses_others else ()),
            "",
        ]
    )


def _indent(lines: Iterable[str]) -> list[str]:
    return [f"\t{line}" if line else "" for line in lines]


def _global() -> list[str]:
    return [
        "admin off",
        "auto_https off",
        "servers {",
        "\tprotocols h1 h2",
        "\tstrict_sni_host on",
        "\tmax_header_size 64KB",
        "\ttimeouts {",
        "\t\tread_header 15s",
        "\t\tidle 1m",
        "\t}",
        "}",
    ]


def _transport(site: Site) -> list[str]:
    lines = [
        "transport http {",
        "\tdial_timeout 300ms",
        "\tresponse_header_timeout 700ms",
    ]
    if site.gatepost.scheme == "https":
        lines += [f"\ttls_server_name {site.gatepost.host}"]
        lines += [f"\ttls_trust_pool file {site.gatepost_ca}"] if site.gatepost_ca else ["\ttls"]
    return [*lines, "}"]


def _asking(site: Site) -> list[str]:
    server = f"{site.gatepost.scheme}://{site.gatepost.authority}"
    return [
        "# What the client says in our words, and in other spellings of them, counts for nothing.",
        "request_header -X-Gatepost-*",
        "request_header -X_*",
        "request_header -Cf_*",
        "vars gatepost_client_id {header.CF-Access-Client-Id}",
        "vars gatepost_client_secret {header.CF-Access-Client-Secret}",
        "vars gatepost_token {header.Gatepost-Token}",
        "vars gatepost_proof {header.Gatepost-DPoP}",
        *(f"request_header -{name}" for name in BLANKED),
        "",
        *_own(site, server),
        "",
        f"reverse_proxy {server} {{",
        *_indent(_transport(site)),
        "\tmethod GET",
        "\trewrite /access/v1/decide",
        "\theader_up -*",
        f"\theader_up Host {site.gatepost.authority}",
        f"\theader_up X-Gatepost-Proxy {site.token}",
        f"\theader_up X-Gatepost-App {site.app}",
        "\theader_up X-Gatepost-Host {http.request.hostport}",
        "\theader_up X-Gatepost-Target {http.request.orig_uri}",
        "\theader_up X-Gatepost-Address {http.request.remote.host}",
        "\theader_up X-Gatepost-Certificate {http.request.tls.client.certificate_der_base64}",
        "\theader_up CF-Access-Client-Id {vars.gatepost_client_id}",
        "\theader_up CF-Access-Client-Secret {vars.gatepost_client_secret}",
        "\theader_up X-Gatepost-Method {http.request.orig_method}",
        "\theader_up Gatepost-Token {vars.gatepost_token}",
        "\theader_up Gatepost-DPoP {vars.gatepost_proof}",
        "\theader_up Cookie {header.Cookie}",
        "",
        "\t@allowed status 204",
        "\thandle_response @allowed {",
        "\t\troute {",
        "\t\t\trequest_header -Cookie",
        *_indent(_indent(_indent(_told()))),
        "\t\t}",
        "\t}",
        "\t@refused status 403",
        "\thandle_response @refused {",
        *_indent(_indent(_refused(site, server))),
        "\t}",
        "\thandle_response {",
        "\t\terror 503",
        "\t}",
        "}",
    ]


def _told() -> list[str]:
    """Take over what the decision says; a placeholder of what it does not say would be taken over as it is written."""
    lines: list[str] = []
    for name, header in (*((name, f"X-Gatepost-{name}") for name in TOLD), ("Cookie", "Cookie")):
        matcher = f"@told_{name.lower()}"
        lines += [f'{matcher} not vars {_DECISION % name} ""', f"request_header {matcher} {header} {_DECISION % name}"]
    return lines


def _own(site: Site, server: str) -> list[str]:
    return [
        "# Where browsers come by for which their device's agent vouches.",
        f"handle {OWN}* {{",
        f"\treverse_proxy {server} {{",
        *_indent(_indent(_transport(site))),
        "\t\tmethod GET",
        "\t\trewrite /access/v1/at",
        "\t\theader_up -*",
        f"\t\theader_up Host {site.gatepost.authority}",
        f"\t\theader_up X-Gatepost-Proxy {site.token}",
        f"\t\theader_up X-Gatepost-App {site.app}",
        "\t\theader_up X-Gatepost-Host {http.request.hostport}",
        "\t\theader_up X-Gatepost-Target {http.request.orig_uri}",
        "\t\theader_up X-Gatepost-Address {http.request.remote.host}",
        "\t\theader_up X-Gatepost-Certificate {http.request.tls.client.certificate_der_base64}",
        "\t\theader_up Cookie {header.Cookie}",
        "\t\theader_up Accept {header.Accept}",
        "\t}",
        "}",
    ]


def _refused(site: Site, server: str) -> list[str]:
    return [
        f"reverse_proxy {server} {{",
        *_indent(_transport(site)),
        "\tmethod GET",
        "\trewrite /access/v1/refused",
        "\theader_up -*",
        f"\theader_up Host {site.gatepost.authority}",
        "\theader_up Accept {header.Accept}",
        f"\theader_up X-Gatepost-Page {_DECISION % 'Page'}",
        "}",
    ]


def _application(site: Site) -> list[str]:
    return [
        f"reverse_proxy {site.application.scheme}://{site.application.authority} {{",
        *(f"\theader_up -X-Gatepost-{name}" for name in ASKED),
        "\theader_up X-Real-IP {http.request.remote.host}",
        "}",
    ]


def _refusing(site: Site) -> list[str]:
    return [
        "",
        "# Whoever names no application of this proxy gets none.",
        f"https://:{site.port} {{",
        *_indent([f"bind {site.address}"] if site.address else []),
        f"\ttls {site.certificate} {site.key}",
        "\trespond 421 {",
        "\t\tclose",
        "\t}",
        "}",
    ]
