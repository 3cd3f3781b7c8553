"""What can go wrong in a training for a known reason; each message is one line with a remedy."""


class TrainingError(Exception):
    pass
