"""The evaluation's texts, written for it. `corpus.training_lines` keeps them out of training."""

SENTENCES = (
    "The grey ferry left the harbour before the fog had lifted.",
    "Seven small stones lay on the window sill.",
    "He poured warm milk over the last of the bread.",
    "A thin crack ran along the side of the old jug.",
    "The baker's daughter counts coins behind the shop.",
    "Rain beat on the tin roof all night long.",
    "They found the lost goat asleep under a hedge.",
    "Push the heavy door and step into the hall.",
    "Her brother mends clocks in a narrow street.",
    "The judge folded his glasses and closed the file.",
    "Fresh paint dripped from the garden fence.",
    "Two owls called to each other across the valley.",
    "We shared a blanket while the engine cooled.",
    "The best apples grow on the north side of the hill.",
    "A loud whistle sent the dogs back to the farm.",
    "Cut the string and fold the paper twice.",
    "The bridge shook when the long train crossed it.",
    "She kept every letter in a box of cedar wood.",
    "Dust rose behind the cart as it rolled away.",
    "The nurse spoke softly to the frightened child.",
    "Thick smoke drifted over the quiet field.",
    "Please hang the wet coats beside the stove.",
    "The captain drew a map with a stick in the sand.",
    "Frost had covered each leaf with silver.",
    "An early bus takes the workers to the mill.",
    "The blue vase fell, but it did not break.",
    "Nobody noticed the fox at the edge of the wood.",
    "A kind word costs less than a sharp one.",
    "The jury asked for more time and a jug of water.",
    "His boots were full of mud from the river bank.",
    "The choir sang while the candles burned low.",
    "Strong tea and a good book make a fine evening.",
    "The young pilot checked both wings with care.",
    "Wheat and barley stood high in the summer sun.",
    "Someone had left a green scarf on the bench.",
    "The road bends sharply after the white church.",
    "Four men lifted the piano up the stairs.",
    "The cat watched the kettle until it boiled.",
    "Old friends often speak without many words.",
    "The market closes when the bell rings at noon.",
)
NAMES = (
    "Margaret Hudson will meet Doctor Peter Ellis in Boston.",
    "Oliver and Charlotte moved from Dublin to Sydney.",
    "Please forward this to Samuel Bennett and Grace Turner.",
    "Professor Thompson taught history at Oxford and Chicago.",
)
NUMBERS = (
    "The parcel weighs 14 pounds and costs $27.50.",
    "In 1987 the town had 3,420 people.",
    "Call me at 10:45 on the 21st of June.",
    "About 60% of the 250 seats were taken.",
)
QUESTIONS = (
    "Where did you put the keys to the garden shed?",
    "Have you ever seen the northern lights?",
    "Why does the water taste so strange today?",
    "Would you like another slice of lemon cake?",
)
ONE_WORD = ("Hello.", "Yesterday.", "Welcome!", "Thanks.")
FORTY_WORDS = (
    "When the storm had passed and the streets were dry again, the shopkeepers opened their doors, "
    "swept the leaves from the steps, and told each other how the wind had taken the roof of the "
    "school and carried it away.",
    "My grandmother used to say that a house is only as warm as the people in it, and so she kept "
    "the kettle on the stove, a chair by the fire, and a place at her table for any guest.",
)

TEXTS = {
    "sentences": SENTENCES,
    "names": NAMES,
    "numbers": NUMBERS,
    "questions": QUESTIONS,
    "one word": ONE_WORD,
    "40 words": FORTY_WORDS,
}
