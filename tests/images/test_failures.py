"""What goes wrong on the network is told by its kind."""

import ssl
from types import SimpleNamespace

import aiohttp
import pytest
from yarl import URL

from recbole_mmsc.images.failures import FetchFailed, told


def test_a_certificate_that_nobody_vouches_for_is_called_so():
    host = SimpleNamespace(host="shop.example", port=443, is_ssl=True)
    untrusted = ssl.SSLCertVerificationError(1, "self-signed certificate")
    with pytest.raises(FetchFailed) as caught, told(URL("https://shop.example/a.jpg")):
        raise aiohttp.ClientConnectorCertificateError(host, untrusted)
    assert (caught.value.reason, caught.value.final) == ("certificate refused", True)
    assert "shop.example" in caught.value.detail
    assert "self-signed certificate" in caught.value.detail
