"""The length of one-word texts in every voice of samples/. None may run away.

python -m benchmarks.one_word: 125 words, each with four endings, in each preset voice.
"""

import sys
from collections import Counter
from collections.abc import Iterator

import click
import numpy as np

from shared.audio.mel import MEL_FORMAT
from shared.voices import sample_embeds
from synthesizer_service import inference
from synthesizer_service.schemas import TextRequest
from synthesizer_service.settings import Settings
from synthesizer_service.tacotron.model import Tacotron

MAX_SECONDS = 3.0
ENDINGS = ("", ".", ' "', " 👋")  # few write a full stop after one word
_WORDS = """
    I A OK No Yes Hello Hi Bye Thanks Please Sorry Welcome Hmm Oh Wow Stop Go Wait Help
    Start Done Next Back Left Right Up Down Open Close Play Pause Save Delete Cancel Submit
    Error Warning Success Loading Search Home Settings Menu Today Tomorrow Yesterday Monday
    Tuesday Wednesday Thursday Friday Saturday Sunday January March May June August October
    December Morning Evening Night Water Coffee Bread Apple Orange Lemon Sugar Butter
    Chicken Red Blue Green Yellow Black White Purple Dog Cat Horse Bird Fish House Street
    City Country River Mountain Ocean Mother Father Sister Brother Friend Teacher Doctor
    Seven 7 12 100 FBI GPU NASA USA 50% $5 3pm 1999 Beautiful Important Congratulations
    Information International Refrigerator Emergency Library Question Answer Music Science
    History Future Love
"""
WORDS = _WORDS.split()

SETTINGS = Settings()


def spoken(model: Tacotron, word: str) -> Iterator[tuple[str, str, float, int]]:
    """Each text, the voice, its seconds, and how often it was spoken anew."""
    for ending in ENDINGS:
        for voice, embed in sample_embeds().items():
            request = TextRequest.model_construct(text=word + ending, embed=embed, seed=1)
            answer = inference.synthesize(model, request, SETTINGS)
            frames = np.shape(answer["spec"])[1]
            seconds = frames * MEL_FORMAT.hop_length / MEL_FORMAT.sample_rate
            yield request.text, voice, seconds, answer.get("retries", 0)


def main() -> None:
    model = inference.load(SETTINGS)
    takes = [take for word in WORDS for take in spoken(model, word)]
    seconds = np.array([take[2] for take in takes])
    retries = Counter(take[3] for take in takes)
    texts = len(WORDS) * len(ENDINGS)
    click.echo(f"{texts} texts in {len(sample_embeds())} voices: {len(takes)} takes")
    click.echo(f"seconds: median {np.median(seconds):.2f}, longest {seconds.max():.2f}")
    click.echo(f"spoken anew: {sum(retries.values()) - retries[0]}")
    for text, voice, took, _ in takes:
        if took > MAX_SECONDS:
            click.echo(f"  {text!r} in {voice}: {took:.1f} s")
    sys.exit(bool((seconds > MAX_SECONDS).any()))


if __name__ == "__main__":
    main()
