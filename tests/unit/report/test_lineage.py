"""Provenance names what each file was made from."""

from __future__ import annotations

import hashlib
import json

from strokeprep.privacy import audit, private_words


def test_the_graph_names_every_input_by_its_digest(tmp_path, made):
    admitted = tmp_path / "admit.json"
    admitted.write_text(json.dumps({"files": [{"path": "bids:raw:x", "digest": "abc"}]}))
    ((name, node),) = made(tmp_path, admitted).nodes.items()

    def of(content: bytes) -> str:
        return f"blake2b-256:{hashlib.blake2b(content, digest_size=32).hexdigest()}"

    assert name.startswith("bids::sub-1/ct/sub-1_from-ncct")
    assert node["Digest"] == of(b"transform")
    raw, image = node["Sources"]
    assert raw == {"File": "bids:raw:x", "Digest": "voxels-blake2b:abc"}
    assert image["Digest"] == of(b"image")
    assert node["Parameters"] == {"Type": "affine", "Seed": 1}
    assert node["Software"] == {"SimpleITK": "2.5.7"}


def test_a_digest_that_looks_like_a_date_is_no_leak(tmp_path):
    path = tmp_path / "docs" / "x.json"
    path.parent.mkdir()
    digest = "sha256:a20191105b".ljust(len("sha256:") + 64, "c")
    path.write_text(
        json.dumps({"Digest": digest, "Weights": {"x": digest}} | {"Other": "a20191105b"})
    )
    (leak,) = audit.of_dataset(tmp_path, [], private_words.PrivateWords())
    assert "Other" in leak.what
