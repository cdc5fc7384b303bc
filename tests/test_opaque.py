"""What stays closed although it is in clear: no leaf over four bytes but those whose bytes have no more to say."""

from __future__ import annotations

import glob
import os
import re
from typing import Any, Dict, List, Set, Tuple

import pytest
from conftest import SAMPLES, SHARED
from support import WHOLE, Object, load, objects, of

from hexnote import der, notes, resources
from hexnote.model import ARRAY, LEAF
from hexnote.schema import Schema

# Every opaque of the formats, by why it is one. A name that is not here, or no longer in any format, fails the test.
OPAQUE: Dict[str, str] = {
    "random": "random random_bytes nonce challenge certificate_challenge ticket_nonce key_arg",
    "a key, or a public value": (
        "dh_p dh_g dh_Ys dh_Yc ecdh_Yc public key_exchange rsa_modulus rsa_exponent public_key enc X V r x y s a b base "
        "order cofactor prime_p k k1 k2 k3 srp_N srp_g srp_A srp_B clear_key r_s r_c y_c ekt_key_value"
    ),
    "salt": "salt srp_s srtp_master_salt client_write_iv server_write_iv master_secret_iv",
    "encrypted": (
        "encrypted_pre_master_secret encrypted_key encrypted_sni payload protected_name wrapped_client_write_key "
        "wrapped_server_write_key key_transport compressed_certificate_message"
    ),
    "a signature, or a proof": (
        "signature y_signature proof authenticator verify_data md5_hash sha_hash binders PskBinderEntry confirmation"
    ),
    "a hash": (
        "SHA1Hash sha1_hash sha224_hash sha256_hash sha384_hash sha512_hash hash hash_value digest binding_hash issuer_key_hash "
        "root_hash record_digest log_id certificate_association_data NodeHash consistency_path inclusion_path "
        "renegotiated_connection response"
    ),
    "a ticket or cookie": "ticket identity cookie certificate_request_context stateless_reset_token",
    "a name that means something to its maker alone": (
        "session_id SessionID cid cids ConnectionID connection_id original_destination_connection_id "
        "initial_source_connection_id retry_source_connection_id srtp_mki trust_anchors TrustAnchorID"
    ),
    "bits or padding": "padding zeros discard bitmap",
    "there or not": "disable_active_migration grease_quic_bit reset_stream_at",
    "of a type that is not registered": (
        "value extension_data data rdata identifier name request supp_data user_mapping authz_data item sct contents extensions"
    ),
    "the application's own": "settings",
    "of a shape that only its suite would tell": "exchange_keys key_exchange_params",
    "not taken apart, as test_vectors argues": "tlmsp_data algorithms",
    "OpenPGP's (RFC 6091, of no use since)": "openpgp_certificate",
    "Google's, unpublished": "google_handshake_message google_version",
}

# What is read as DER by another room, or as a structure: the opaque itself is never seen but where it is empty.
OPENED = (
    "ASN1Cert ASN1_subjectPublicKeyInfo DistinguishedName OCSPResponse ResponderID SerializedSCT SerializedTransItem "
    "authentication_chain cert_data certificate certificate_extension_oid certificate_extension_values ocsp_response "
    "preferred_address request_extensions tbs_certificate user_mapping_data version_information x509_attr_cert "
    "x509_name"
)


def opaques() -> Set[str]:
    """The names of all opaques of the formats that may be longer than four bytes."""
    made: List[Tuple[Any, int]] = []

    def dress(node: Any, width: int = 0) -> Any:
        made.append((node, width))
        return notes.dress(node, width)

    def listing(folder: str) -> List[str]:
        return resources.listing(folder) if folder.startswith("tls") else []  # what is said before TLS has no end of kinds

    schema = Schema(resources.text("presentation.lark"), resources.read, listing, der.HOOKS, dress)
    assert schema.check() == []
    bare = [n for n, w in made if n.kind in (LEAF, ARRAY) and n.show in ("opaque", "hex", "printable") and not 0 < w <= 4]
    return {n.name for n in bare if n.name and not n.suffix}


def test_every_opaque_of_the_formats_is_argued() -> None:
    argued = set(" ".join(OPAQUE.values()).split()) | set(OPENED.split())
    assert opaques() == argued


# Leaves of certificates and OCSP responses whose bytes have no more to say.
CERTIFICATE = {
    "modulus", "publicKey", "subjectPublicKey", "serialNumber", "signatureValue", "subjectKeyIdentifier", "keyIdentifier",
    "authorityCertSerialNumber", "issuerNameHash", "issuerKeyHash", "byKey", "nonce", "log_id", "id", "signature", "extnValue",
    "octetString", "bitString",
}  # fmt: skip


def traces() -> List[str]:
    found = sorted(glob.glob(os.path.join(SAMPLES, "*.txt")))
    corpus = sorted(p for d in ("", "extra") for p in glob.glob(os.path.join(SHARED, "corpus", d, "*.X.txt")))
    small = [p for p in corpus if os.path.getsize(p) < 60_000]
    return found + (corpus if WHOLE else small[::12] + [p for p in corpus if "manyext" in p])


def closed(o: Object) -> bool:
    """Whether a leaf in clear tells nothing but its bytes."""
    if o["length"] <= 4 or o["value"] is not None or o["name"] is not None or o["bits"] or ".." in o["hex"]:
        return False
    return not o["path"].startswith(("record.", "other"))


@pytest.mark.parametrize("path", traces(), ids=os.path.basename)
def test_nothing_in_clear_stays_closed_but_what_is_argued(path: str) -> None:
    argued = set(" ".join(OPAQUE.values()).split()) | CERTIFICATE
    strange = {}
    for o in of(objects(load(path)), "field"):
        if closed(o):
            last = re.sub(r"\[\d+\]", "", o["path"]).split(".")[-1]
            # `bytes`: what is said before TLS, or beside it, in another protocol, and is no text.
            if last not in argued and last not in ("missing", "extra", "body", "bytes"):
                strange[o["path"]] = o["hex"][:40]
    assert not strange
