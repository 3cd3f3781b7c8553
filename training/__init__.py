"""Training of the synthesizer and the vocoders: data, networks, runs, evaluation."""


class TrainingError(Exception):
    """A known cause of failure. The message is one line that names the remedy."""
