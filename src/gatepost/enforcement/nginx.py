"""nginx: ``auth_request`` (its module ngx_http_auth_request_module, which Debian's packages have).

Facts of nginx 1.22 that the configuration rests on: any 2xx of the subrequest lets in, 401 and 403 are handed on, all else is
500. The client's headers go to the subrequest and to the application unless they are set or blanked. Names with underscores
are dropped. ``optional_no_ca`` has the client sign the TLS handshake, and leaves it to Gatepost to judge the certificate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gatepost.enforcement.site import ASKED, BLANKED, OWN, TOLD, UNAVAILABLE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gatepost.enforcement.site import Address, Site


def render_nginx(site: Site) -> str:
    """Render the file for ``conf.d``: it holds the proxy's token, so nobody but root may read it."""
    name = "".join(letter if letter.isalnum() else "_" for letter in site.app)
    return "\n".join(
        [
            f"# {site.app} behind Gatepost, for nginx 1.22 and later. It holds a secret: mode 0600, owned by root.",
            *_upstreams(site, name),
            *(_refusing(site) if site.refuses_others else ()),
            "",
            "server {",
            *_listen(site, "ssl http2"),
            f"    server_name {site.app};",
            *_indent(_tls(site)),
            "",
            *_indent(_asking(site, name)),
            "",
            *_indent(_refused(site, name)),
            "",
            *_indent(_own(site, name)),
            "",
            *_indent(_application(site, name)),
            "}",
            "",
        ]
    )


def _indent(lines: Iterable[str]) -> list[str]:
    return [f"    {line}" if line else "" for line in lines]


def _upstreams(site: Site, name: str) -> list[str]:
    return [
        "",
        f"upstream gatepost_{name} {{",
        f"    server {site.gatepost.authority} max_fails=0;",
        "    keepalive 32;",
        "}",
        "",
        f"upstream application_{name} {{",
        f"    server {site.application.authority} max_fails=0;",
        "    keepalive 32;",
        "}",
    ]


def _refusing(site: Site) -> list[str]:
    return [
        "",
        "# Whoever names no application of this proxy gets none: one such server for each port.",
        "server {",
        *_listen(site, "ssl http2 default_server"),
        "    server_name _;",
        "    ssl_reject_handshake on;",
        "    return 421;",
        "}",
    ]


def _listen(site: Site, how: str) -> list[str]:
    addresses = (site.address,) if site.address else ("0.0.0.0", "[::]")  # noqa: S104 - of a proxy, which is to be reached.
    return [f"    listen {address}:{site.port} {how};" for address in addresses]


def _tls(site: Site) -> list[str]:
    return [
        f"ssl_certificate {site.certificate};",
        f"ssl_certificate_key {site.key};",
        "ssl_protocols TLSv1.2 TLSv1.3;",
        "# The client shows its certificate if it has one; Gatepost judges it. Each connection proves the key anew, and",
        "# none lives for ever.",
        "ssl_verify_client optional_no_ca;",
        "ssl_session_cache off;",
        "ssl_session_tickets off;",
        "keepalive_time 5m;",
        "underscores_in_headers off;",
        "ignore_invalid_headers on;",
        "large_client_header_buffers 4 16k;",
    ]


def _gatepost(site: Site, name: str) -> list[str]:
    """Say how Gatepost is reached: soon, or not at all."""
    lines = [
        "proxy_http_version 1.1;",
        'proxy_set_header Connection "";',
        f"proxy_set_header Host {site.gatepost.authority};",
        "proxy_pass_request_body off;",
        "proxy_pass_request_headers off;",
        'proxy_set_header Content-Length "";',
        "proxy_connect_timeout 300ms;",
        "proxy_send_timeout 300ms;",
        "proxy_read_timeout 700ms;",
        "proxy_next_upstream off;",
        "proxy_buffer_size 16k;",
        "proxy_buffers 4 16k;",
    ]
    lines += _verified(site.gatepost, site.gatepost_ca)
    return [*lines, f"proxy_pass {site.gatepost.scheme}://gatepost_{name}"]


def _verified(address: Address, authority: str | None) -> list[str]:
    """Say how the certificate of another server is held against a CA; nginx does not by itself."""
    if address.scheme == "http":
        return []
    return [
        "proxy_ssl_verify on;",
        f"proxy_ssl_trusted_certificate {authority or '/etc/ssl/certs/ca-certificates.crt'};",
        f"proxy_ssl_name {address.host};",
        "proxy_ssl_server_name on;",
    ]


def _told(site: Site) -> list[str]:
    """Say what Gatepost is told of every request, by nginx and not by the client."""
    return [
        f"proxy_set_header X-Gatepost-Proxy {site.token};",
        f"proxy_set_header X-Gatepost-App {site.app};",
        "proxy_set_header X-Gatepost-Host $http_host;",
        "proxy_set_header X-Gatepost-Target $request_uri;",
        "proxy_set_header X-Gatepost-Address $remote_addr;",
        "proxy_set_header X-Gatepost-Certificate $ssl_client_escaped_cert;",
        "proxy_set_header Cookie $http_cookie;",
    ]


def _asking(site: Site, name: str) -> list[str]:
    *reaching, target = _gatepost(site, name)
    return [
        "location = /_gatepost/decide {",
        "    internal;",
        *_indent(reaching),
        *_indent(_told(site)),
        "    proxy_set_header CF-Access-Client-Id $http_cf_access_client_id;",
        "    proxy_set_header CF-Access-Client-Secret $http_cf_access_client_secret;",
        "    proxy_set_header X-Gatepost-Method $request_method;",
        "    proxy_set_header Gatepost-Token $http_gatepost_token;",
        "    proxy_set_header Gatepost-DPoP $http_gatepost_dpop;",
        f"    {target}/access/v1/decide;",
        "}",
    ]


def _refused(site: Site, name: str) -> list[str]:
    *reaching, target = _gatepost(site, name)
    return [
        "# What the refused user reads; Gatepost renders it.",
        "location @gatepost_refused {",
        *_indent(reaching),
        "    proxy_method GET;",
        "    proxy_set_header Accept $http_accept;",
        "    proxy_set_header X-Gatepost-Page $gatepost_page;",
        "    proxy_intercept_errors off;",
        "    rewrite ^ /access/v1/refused break;",
        f"    {target};",
        "    error_page 500 502 503 504 = @gatepost_unavailable;",
        "}",
        "",
        "# And what is read where nothing can be decided: nobody is let in.",
        "location @gatepost_unavailable {",
        "    internal;",
        "    default_type text/html;",
        "    add_header Cache-Control no-store always;",
        f"    return 503 '{UNAVAILABLE}';",
        "}",
    ]


def _own(site: Site, name: str) -> list[str]:
    *reaching, target = _gatepost(site, name)
    return [
        "# Where browsers come by for which their device's agent vouches.",
        f"location {OWN} {{",
        *_indent(reaching),
        "    proxy_method GET;",
        *_indent(_told(site)),
        "    proxy_set_header Accept $http_accept;",
        "    proxy_intercept_errors off;",
        "    proxy_redirect off;",
        "    rewrite ^ /access/v1/at? break;",
        f"    {target};",
        "    error_page 500 502 503 504 = @gatepost_unavailable;",
        "}",
    ]


def _application(site: Site, name: str) -> list[str]:
    told = [f"auth_request_set $gatepost_{item.lower()} $upstream_http_x_gatepost_{item.lower()};" for item in TOLD]
    return [
        "location / {",
        "    auth_request /_gatepost/decide;",
        *_indent([*told, "auth_request_set $gatepost_page $upstream_http_x_gatepost_page;"]),
        "    auth_request_set $gatepost_cookie $upstream_http_x_gatepost_cookie;",
        "    error_page 401 403 = @gatepost_refused;",
        "    error_page 500 502 503 504 = @gatepost_unavailable;",
        "",
        "    # What Gatepost says of who asks, and nothing that the client says of itself.",
        *_indent(f"proxy_set_header X-Gatepost-{item} $gatepost_{item.lower()};" for item in TOLD),
        *_indent(f'proxy_set_header X-Gatepost-{item} "";' for item in ASKED),
        *_indent(f'proxy_set_header {item} "";' for item in BLANKED),
        "    proxy_set_header Cookie $gatepost_cookie;",
        "    proxy_set_header Host $host;",
        "    proxy_set_header X-Real-IP $remote_addr;",
        "    proxy_set_header X-Forwarded-For $remote_addr;",
        "    proxy_set_header X-Forwarded-Host $host;",
        "    proxy_set_header X-Forwarded-Proto $scheme;",
        "    proxy_set_header X-Forwarded-Port $server_port;",
        "    proxy_http_version 1.1;",
        '    proxy_set_header Connection "";',
        '    proxy_set_header Upgrade "";',
        "    proxy_intercept_errors off;",
        *_indent(_verified(site.application, None)),
        f"    proxy_pass {site.application.scheme}://application_{name};",
        "}",
    ]
