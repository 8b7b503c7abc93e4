"""The words that an output may hold because the workflow writes them itself."""

from strokeprep.privacy.vocabulary import LIST, vocabulary, words_of_library


def test_every_word_that_the_workflow_writes_is_listed():
    missing = words_of_library() - vocabulary()
    assert not missing, f"run `strokeprep vocabulary` to add {sorted(missing)}"


def test_the_list_is_sorted_and_names_each_word_once():
    words = LIST.read_text(encoding="utf-8").split()
    assert words == sorted(set(words))
