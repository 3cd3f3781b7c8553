"""Captions of jobs that are read from the database in parts."""

import json
from itertools import pairwise

import orjson

from gateway_service.jobs.captions import captions_file
from gateway_service.jobs.leases import Leases
from gateway_service.jobs.sound import SentenceSound
from gateway_service.jobs.store import Jobs
from gateway_service.speech.flac import encode_flac
from gateway_service.storage.database import Storage
from tests.support.job_fixtures import claim, job_spec, samples_of

SENTENCES = 205  # more than a part


def test_captions_do_not_overlap_between_two_parts(
    jobs: Jobs, leases: Leases, storage: Storage
) -> None:
    jobs.create(job_spec("Yes. " * SENTENCES))
    job = claim(leases)
    for position in range(SENTENCES):
        seconds = 6.9 if position == 198 else 0.4
        words = None if position == 3 else orjson.dumps([["Yes", 0.1, seconds]]).decode()
        flac = encode_flac(samples_of(1).repeat(round(seconds * 100) + 10))
        assert leases.save_sentence(job, position, SentenceSound(flac, words))

    captions = json.loads("".join(captions_file(storage, job, "json", by_word=False)))["captions"]

    assert sum(len(caption["words"]) for caption in captions) == SENTENCES - 1
    for caption, following in pairwise(captions):
        assert caption["end"] <= following["start"]
