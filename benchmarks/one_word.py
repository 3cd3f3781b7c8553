"""Length of one-word texts in every preset voice; fails if one exceeds MAX_SECONDS.

python -m benchmarks.one_word [--words N]: 125 words with four endings each.
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
ENDINGS = ("", ".", ' "', " 👋")
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
    """Text, voice, seconds and retries of each take."""
    for ending in ENDINGS:
        for voice, embed in sample_embeds().items():
            request = TextRequest.model_construct(text=word + ending, embed=embed, seed=1)
            answer = inference.synthesize(model, request, SETTINGS)
            frames = np.shape(answer["spec"])[1]
            seconds = frames * MEL_FORMAT.hop_length / MEL_FORMAT.sample_rate
            yield request.text, voice, seconds, answer.get("retries", 0)


@click.command()
@click.option("--words", default=len(WORDS), show_default=True, help="Number of words.")
def main(words: int) -> None:
    """Measure the length of one-word texts."""
    model = inference.load(SETTINGS)
    chosen = WORDS[:: max(1, len(WORDS) // words)][:words]
    takes = [take for word in chosen for take in spoken(model, word)]
    seconds = np.array([take[2] for take in takes])
    retries = Counter(take[3] for take in takes)
    texts = len(chosen) * len(ENDINGS)
    click.echo(f"{texts} texts in {len(sample_embeds())} voices: {len(takes)} takes")
    click.echo(f"seconds: median {np.median(seconds):.2f}, longest {seconds.max():.2f}")
    click.echo(f"retried: {sum(retries.values()) - retries[0]}")
    for text, voice, took, _ in takes:
        if took > MAX_SECONDS:
            click.echo(f"  {text!r} in {voice}: {took:.1f} s")
    sys.exit(bool((seconds > MAX_SECONDS).any()))


if __name__ == "__main__":
    main()
