"""Names and address ranges that content delivery networks publish as theirs (as of 2026-11)."""

from __future__ import annotations

import ipaddress
from functools import lru_cache

# what customers are told to point their CNAME at
CDN_NAMES = {
    "cloudfront.net": "CloudFront",
    "cdn.cloudflare.net": "Cloudflare",
    "fastly.net": "Fastly",
    "fastlylb.net": "Fastly",
    "edgekey.net": "Akamai",
    "edgesuite.net": "Akamai",
    "akamaiedge.net": "Akamai",
    "akamaized.net": "Akamai",
    "azureedge.net": "Azure CDN",
    "azurefd.net": "Azure Front Door",
    "b-cdn.net": "Bunny",
    "cdn77.org": "CDN77",
    "kxcdn.com": "KeyCDN",
    "impervadns.net": "Imperva",
    "incapdns.net": "Imperva",
    "gcdn.co": "Gcore",
    "cachefly.net": "CacheFly",
}
# https://www.cloudflare.com/ips/ and https://api.fastly.com/public-ip-list: the others publish none by name
_RANGES = {
    "Cloudflare": (
        "173.245.48.0/20 103.21.244.0/22 103.22.200.0/22 103.31.4.0/22 141.101.64.0/18 108.162.192.0/18"
        " 190.93.240.0/20 188.114.96.0/20 197.234.240.0/22 198.41.128.0/17 162.158.0.0/15 104.16.0.0/13"
        " 104.24.0.0/14 172.64.0.0/13 131.0.72.0/22"
        " 2400:cb00::/32 2606:4700::/32 2803:f800::/32 2405:b500::/32 2405:8100::/32 2a06:98c0::/29"
        " 2c0f:f248::/32"
    ),
    "Fastly": (
        "23.235.32.0/20 43.249.72.0/22 103.244.50.0/24 103.245.222.0/23 103.245.224.0/24 104.156.80.0/20"
        " 140.248.64.0/18 140.248.128.0/17 146.75.0.0/17 151.101.0.0/16 157.52.64.0/18 167.82.0.0/17"
        " 167.82.128.0/20 167.82.160.0/20 167.82.224.0/20 172.111.64.0/18 185.31.16.0/22 199.27.72.0/21"
        " 199.232.0.0/16 2a04:4e40::/32 2a04:4e42::/32"
    ),
}
_NETWORKS = tuple(
    (ipaddress.ip_network(text), name) for name, texts in _RANGES.items() for text in texts.split()
)


@lru_cache(maxsize=4096)
def cdn_of_name(name: str) -> str:
    """Whose name it is; empty where no list here holds it, which proves nothing."""
    bare = name.lower().rstrip(".")
    return next(
        (cdn for suffix, cdn in CDN_NAMES.items() if bare == suffix or bare.endswith(f".{suffix}")), ""
    )


@lru_cache(maxsize=4096)
def cdn_of_address(address: str) -> str:
    """Whose published range it lies in; empty where no list here holds it, which proves nothing."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return ""
    return next(
        (cdn for network, cdn in _NETWORKS if network.version == parsed.version and parsed in network), ""
    )
