"""HAProxy: an action in Lua asks through HAProxy's own HTTP client, and only what it sets lets a request go on.

HAProxy 2.6 has no external authorisation of its own; its agents' protocol (SPOE) would need a daemon. The action runs for each
request. Where it fails in any way its variable is not set, and the rule after it refuses. The client's certificate is asked
for and not judged here: ``ca-ignore-err`` and ``crt-ignore-err`` leave that to Gatepost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gatepost.enforcement.site import ASKED, BLANKED, OWN, TOLD, UNAVAILABLE
from gatepost.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gatepost.enforcement.site import Address, Site

_LUA = """\
-- Asks Gatepost about one request, and hands on what it says. It has no secret: those are in haproxy.cfg.
local unavailable = [[UNAVAILABLE]]

local function refuse(txn, status, content_type, body)
    local reply = txn:reply{status = status}
    reply:add_header("content-type", content_type)
    reply:add_header("cache-control", "no-store")
    reply:set_body(body)
    txn:done(reply)
end

local function first(headers, name)
    local values = headers[name]
    return values and values[0] or nil
end

local function known(txn, name)
    local value = txn:get_var("txn.gatepost_" .. name)
    return value and {value} or nil
end

core.register_action("gatepost", {"http-req"}, function(txn)
    txn:set_var("txn.gatepost_allowed", false)
    local server = txn:get_var("txn.gatepost_server")
    local destination = txn:get_var("txn.gatepost_destination")
    local asked = {["host"] = known(txn, "authority")}
    for _, name in ipairs({"proxy", "app", "host", "target", "method", "address", "certificate"}) do
        asked["x-gatepost-" .. name] = known(txn, name)
    end
    asked["cf-access-client-id"] = known(txn, "client_id")
    asked["cf-access-client-secret"] = known(txn, "client_secret")
    asked["gatepost-token"] = known(txn, "token")
    asked["gatepost-dpop"] = known(txn, "proof")
    asked["cookie"] = known(txn, "cookie")
    local decision = core.httpclient():get{
        url = server .. "/access/v1/decide", headers = asked, dst = destination, timeout = 700
    }
    if decision and decision.status == 204 then
        for _, name in ipairs({TOLD}) do
            txn.http:req_del_header("x-gatepost-" .. name)
            local value = first(decision.headers, "x-gatepost-" .. name)
            if value then
                txn.http:req_set_header("x-gatepost-" .. name, value)
            end
        end
        txn.http:req_del_header("cookie")
        local cookie = first(decision.headers, "x-gatepost-cookie")
        if cookie then
            txn.http:req_set_header("cookie", cookie)
        end
        txn:set_var("txn.gatepost_allowed", true)
        return
    end
    if not decision or decision.status ~= 403 then
        refuse(txn, 503, "text/html", unavailable)
        return
    end
    local page = core.httpclient():get{
        url = server .. "/access/v1/refused", dst = destination, timeout = 700,
        headers = {
            ["host"] = known(txn, "authority"),
            ["accept"] = known(txn, "accept"),
            ["x-gatepost-page"] = {first(decision.headers, "x-gatepost-page") or ""},
        },
    }
    if page and page.status == 403 then
        refuse(txn, 403, first(page.headers, "content-type") or "text/html", page.body)
    else
        refuse(txn, 403, "application/json", decision.body)
    end
end)
"""


def render_haproxy_lua() -> str:
    """Render the action; it is the same for every application."""
    told = ", ".join(f'"{name.lower()}"' for name in TOLD)
    return _LUA.replace("UNAVAILABLE", UNAVAILABLE).replace("{TOLD}", f"{{{told}}}")


def render_haproxy(site: Site) -> str:
    """Render ``haproxy.cfg``: it holds the proxy's token, so nobody but root may read it. Raises `InputError`."""
    if site.key not in {site.certificate, f"{site.certificate}.key"}:
        allowed = f"{site.certificate} itself, or {site.certificate}.key: HAProxy looks for no other"
        raise InputError("--tls-key", f"is {site.key}", allowed)
    name = "".join(letter if letter.isalnum() else "_" for letter in site.app)
    return "\n".join(
        [
            f"# {site.app} behind Gatepost, for HAProxy 2.6 and later. It holds a secret: mode 0600, owned by root.",
            "# gatepost.lua beside it is what `gatepost proxy-config haproxy-lua` prints.",
            "global",
            "    lua-load gatepost.lua",
            "    # Each connection proves the client's key anew.",
            "    tune.ssl.cachesize 0",
            "    tune.bufsize 32768",
            *_indent(_gatepost_tls(site)),
            "",
            "defaults",
            "    mode http",
            "    timeout connect 300ms",
            "    timeout client 60s",
            "    timeout server 60s",
            "    timeout http-request 15s",
            "    timeout http-keep-alive 60s",
            "    option http-restrict-req-hdr-names delete",
            "",
            f"frontend {name}",
            f"    bind {site.address or '::'}:{site.port} {'' if site.address else 'v4v6 '}{_tls(site)}",
            *_indent(_asking(site)),
            *_indent(_headers()),
            f"    use_backend gatepost_{name} if gatepost_own",
            f"    default_backend application_{name}",
            "",
            f"backend application_{name}",
            f"    server application {site.application.authority}{_verified(site.application, None)}",
            "",
            *_own(site, name),
            "",
        ]
    )


def _indent(lines: Iterable[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def _tls(site: Site) -> str:
    return (
        f"ssl crt {site.certificate} strict-sni ssl-min-ver TLSv1.2 alpn h2,http/1.1 no-tls-tickets "
        f"verify optional ca-file {site.certificate} no-ca-names ca-ignore-err all crt-ignore-err all"
    )


def _gatepost_tls(site: Site) -> list[str]:
    if site.gatepost.scheme == "http":
        return []
    return ["httpclient.ssl.verify required", f"httpclient.ssl.ca-file {site.gatepost_ca or '@system-ca'}"]


def _verified(address: Address, authority: str | None) -> str:
    host = address.host
    verified = f" ssl verify required ca-file {authority or '@system-ca'} verifyhost {host}"
    named = "" if address.is_number else f" sni str({host})"
    return verified + named if address.scheme == "https" else ""


def _own(site: Site, name: str) -> list[str]:
    told = ("proxy", "app", "host", "target", "address", "certificate")
    return [
        f"backend gatepost_{name}",
        "    timeout server 5s",
        *_indent(f"http-request set-header x-gatepost-{item} %[var(txn.gatepost_{item})]" for item in told),
        f"    http-request set-header host {site.gatepost.authority}",
        "    http-request set-pathq /access/v1/at",
        f"    server gatepost {site.gatepost.authority}{_verified(site.gatepost, site.gatepost_ca)}",
        "",
    ]


def _asking(site: Site) -> list[str]:
    authority = site.gatepost.authority
    return [
        f"http-request deny deny_status 421 unless {{ req.hdr(host),field(1,:) -i {site.app} }}",
        f"http-request set-var(txn.gatepost_server) str({site.gatepost.scheme}://{authority})",
        # Without this a name would be asked of a DNS server first.
        *(
            [f"http-request set-var(txn.gatepost_destination) str({authority})"]
            if site.gatepost.scheme == "http" and site.gatepost.is_number
            else []
        ),
        f"http-request set-var(txn.gatepost_authority) str({authority})",
        f"http-request set-var(txn.gatepost_proxy) str({site.token})",
        f"http-request set-var(txn.gatepost_app) str({site.app})",
        "http-request set-var(txn.gatepost_host) req.hdr(host)",
        "http-request set-var(txn.gatepost_target) pathq",
        "http-request set-var(txn.gatepost_address) src",
        "http-request set-var(txn.gatepost_certificate) ssl_c_der,base64",
        "http-request set-var(txn.gatepost_accept) req.hdr(accept)",
        "http-request set-var(txn.gatepost_client_id) req.hdr(cf-access-client-id)",
        "http-request set-var(txn.gatepost_client_secret) req.hdr(cf-access-client-secret)",
        "http-request set-var(txn.gatepost_method) method",
        "http-request set-var(txn.gatepost_token) req.fhdr(gatepost-token)",
        "http-request set-var(txn.gatepost_proof) req.fhdr(gatepost-dpop)",
        "http-request set-var(txn.gatepost_cookie) req.fhdr(cookie)",
        "http-request del-header x-gatepost- -m beg",
        "# Where browsers come by for which their device's agent vouches.",
        f"acl gatepost_own path_beg {OWN}",
        "http-request lua.gatepost unless gatepost_own",
        "http-request deny deny_status 503 unless gatepost_own || { var(txn.gatepost_allowed) -m bool }",
    ]


def _headers() -> list[str]:
    return [
        *(f"http-request del-header x-gatepost-{name.lower()}" for name in ASKED),
        *(f"http-request del-header {name.lower()}" for name in BLANKED),
        "http-request set-header x-real-ip %[src]",
        "http-request set-header x-forwarded-for %[src]",
        "http-request set-header x-forwarded-host %[req.hdr(host)]",
        "http-request set-header x-forwarded-proto https",
        "http-request set-header x-forwarded-port %[dst_port]",
        "http-request del-header upgrade",
    ]
