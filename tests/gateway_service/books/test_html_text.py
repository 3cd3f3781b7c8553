"""What is read aloud of HTML, and how it is written there by many programs."""

import time

import pytest

from gateway_service.books.html_text import read_html

LINE = "\n"
TIGER = "Tyger Tyger, burning bright,\nIn the forests of the night;"


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>Rain<sup><a href='#f'>a</a></sup> fell.</p>", "Rain fell."),
        ("<p>Rain<a href='#f' class='footnote-ref'>note</a> fell.</p>", "Rain fell."),
        ("<p>Rain [<a href='#f'>4</a>] fell.</p>", "Rain fell."),
        (
            "<p>Rain fell.<sup>4</sup> Ten km<sup>2</sup>, 10<sup>th</sup>.</p>",
            "Rain fell. Ten km², 10th.",
        ),
        ("<p>x<sup>n</sup> or 10<sup>-6</sup></p>", "xⁿ or 10⁻⁶"),
        ("<p>Rain<a id='r' href='#f'>1</a>.</p><p><a id='f' href='#r'>1.</a> A note.</p>", "Rain."),
        ("<p>Rain<a id='r' href='#f'>*</a>.</p><p>* A note. <a href='#r'>Back</a></p>", "Rain."),
        (
            "<p>Rain<a href='#f'>1</a>.</p><ol><li id='f'><p>A note.</p><p>More.</p></li></ol>",
            "Rain.",
        ),
        (
            "<p>Rain<sup id='r'><a href='#f'>1</a></sup>.</p><p><a href='#r'>^</a> No</p>",
            "Rain.",
        ),
        ("<p><a href='#c1'>1</a></p><h2 id='c1'>One</h2><p>Text.</p>", "One\n\nText."),
    ],
)
def test_notes_and_their_marks_are_left_out(html: str, text: str) -> None:
    assert read_html(html).text() == text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        (f"<p>{TIGER.replace(LINE, '<br/>')}</p>", TIGER),
        ("<p><span>Tyger Tyger,</span><br>\n<span>burning</span></p>", "Tyger Tyger,\nburning"),
        (f"<pre>{TIGER}\n\nWhat immortal</pre>", f"{TIGER}\n\nWhat immortal"),
        ("<div>It rained.<br/><br/>It stopped.</div>", "It rained.\n\nIt stopped."),
        ("<P>One<P>Two<CENTER>* * *</CENTER>Three", "One\n\nTwo\n\nThree"),
        ("<details><summary>More</summary>Inside</details>", "More\n\nInside"),
    ],
)
def test_verses_and_blocks_keep_their_lines(html: str, text: str) -> None:
    assert read_html(html).text() == text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p><ruby>Tokyo<rp>(</rp><rt>toh-kyoh</rt><rp>)</rp></ruby> left.</p>", "Tokyo left."),
        ("<p>So <math><mi>x</mi><mo>=</mo><mn>1</mn></math>.</p>", "So x = 1."),
        ("<m:math><m:mfrac><m:mi>a</m:mi><m:mi>b</m:mi></m:mfrac></m:math>", "a over b"),
        ("<math><semantics><mi>y</mi><annotation>\\y</annotation></semantics></math>", "y"),
        ("<math><msqrt><mn>2</mn></msqrt></math>", "the square root of 2"),
        ("<svg><title>Plate</title><text>No</text></svg><p>Yes</p>", "Yes"),
        ("<p><img alt='T' src='t.png'>he end.</p>", "The end."),
        ("<p><span class='dropcap'>I</span>t was.</p>", "It was."),
        ("<p>He<span class='pageno'>[7]</span> left.<a class='pagenum'>8</a></p>", "He left."),
        ("<p>go<span epub:type='pagebreak' id='p5' title='5'/>ing</p>", "going"),
        ("<p>un&#173;be&#x200b;liev&shy;able&#160;x&#xfeff;</p>", "unbelievable x"),
        ("<p><img alt='cover.jpeg'><img alt='[Illustration]'><img alt=''>Yes</p>", "Yes"),
        ("<p style='display: none'>No</p><p style='color:red'>Yes</p>", "Yes"),
        ("<p>Yes</p><nav>No</nav><button>No</button><select><option>No</select>", "Yes"),
        ("<p>One <![CDATA[two < three]]> four</p>", "One two < three four"),
        ("<epub:switch><epub:case><p>No</p></epub:case><epub:default>Yes</epub:default>", "Yes"),
        ("<p>1 < 2 and x", "1 < 2 and x"),
    ],
)
def test_elements_are_read_as_a_listener_expects(html: str, text: str) -> None:
    assert read_html(html).text() == text


def test_title_of_a_picture_is_not_that_of_the_page() -> None:
    page = read_html("<title>The Book</title><svg><title>Plate</title></svg>")
    assert page.title == "The Book"


@pytest.mark.parametrize(
    "part",
    [
        *("<b>", "<p>x", "</b>", "<!--", "<![CDATA[", "<!", "<a ", "<br>", "<article>", "<title>a"),
        *("<p>x<sup>1", "<li id=a>", "&", "[ ", "<a href='#x'>1</a>", "<math><mfrac><mi>x</mi>"),
    ],
)
def test_hostile_markup_is_read_in_linear_time(part: str) -> None:
    def seconds(count: int) -> float:
        started = time.process_time()
        read_html(part * count)
        return time.process_time() - started

    short = min(seconds(5_000) for _ in range(2))
    assert seconds(40_000) < 20 * max(short, 0.02)  # 8 times in linear, 64 in quadratic time
