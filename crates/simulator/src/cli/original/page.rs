//! The defects as a page for people.

#[cfg(test)]
use super::catalogue::Catalogue;
use super::catalogue::{Defect, Unseen};

const HEAD: &str = "\
# What the simulator found in the original's logic

<!-- Written by `cargo sim original --known -o markdown`; a test compares the two. -->

The coordinator that this one replaces decided well in many places, and where it did not, it
taught us what to look for. Its logic is modelled in `crates/simulator/src/original`: the phases
and what leads from one to the next, where streams begin, what is written when, how long it
waits. The model runs over the same simulated network, store and services as our coordinator, in
the same scenarios with the same seeds, and is judged by the same oracles.

It is a model. It was written from the behaviour that can be observed, not from the original's
source, and may differ in detail; a defect below is a defect of these decisions. The network is
kinder to it than to ours: what a cut link swallows is sent again until the link is whole, as
TCP would, since the model would otherwise wait for ever where the original would not. The bound
for convergence is ours. Deviations that it shows in every run, such as writing every state
every second, do not end a run: judging goes on, so that one run can show many defects.

";

const TAIL: &str = "\
## See for yourself

```sh
cargo sim original            # every scenario, one seed each, and a table of what was found
cargo sim original --known    # the one run that is named with each defect
cargo sim run scenarios/deleting/and-registered-again.toml --seed 1 --coordinator original
cargo sim run scenarios/deleting/and-registered-again.toml --seed 1
```

A story is an entry in `crates/simulator/src/cli/original/defects.toml`. A violation that no
entry accounts for is printed as such: it is a defect that nobody has understood yet.
";

/// The whole page.
pub fn render(defects: &[&Defect], unseen: &[Unseen]) -> String {
    let mut page = HEAD.to_owned();
    let known = defects
        .iter()
        .filter(|defect| defect.known.is_some())
        .count();
    page.push_str(&format!(
        "Of the {} stories below {known} are about what was known from production; what the \
         others tell was found here.\n\n",
        defects.len()
    ));
    page.push_str("| defect | known as | shows by |\n|---|---|---|\n");
    for defect in defects {
        let known = defect
            .known
            .map_or("new".to_owned(), |number| number.to_string());
        page.push_str(&format!(
            "| [{}](#{}) | {known} | {} |\n",
            defect.title,
            anchor(&defect.title),
            defect.oracles.join(", ")
        ));
    }
    page.push('\n');
    for defect in defects {
        page.push_str(&format!(
            "## {}\n\n{}\n\n{}\n\n{}\n\n```sh\n{}\n```\n\n",
            defect.title,
            wrapped(&defect.story),
            wrapped(&format!("**What it costs.** {}", defect.cost)),
            wrapped(&format!("**Here.** {}", defect.cure)),
            command(defect)
        ));
    }
    if !unseen.is_empty() {
        page.push_str("## Known, but not to be seen here\n\n");
        for one in unseen {
            page.push_str(&wrapped(&format!("- Defect {}: {}", one.known, one.why)));
            page.push('\n');
        }
        page.push('\n');
    }
    page.push_str(TAIL);
    page
}

/// The page of everything that is in the catalogue.
#[cfg(test)]
pub fn whole(catalogue: &Catalogue) -> String {
    let all: Vec<&Defect> = catalogue.defects.iter().collect();
    render(&all, &catalogue.unseen)
}

/// The command that shows a defect.
pub fn command(defect: &Defect) -> String {
    format!(
        "cargo sim run scenarios/{} --seed {} --coordinator original",
        defect.scenario, defect.seed
    )
}

/// What a renderer of Markdown makes of a heading, to link to it.
fn anchor(title: &str) -> String {
    let kept = title.chars().filter_map(|letter| match letter {
        ' ' => Some('-'),
        letter if letter.is_alphanumeric() || letter == '-' => Some(letter.to_ascii_lowercase()),
        _ => None,
    });
    kept.collect()
}

/// The words of `text` in lines of at most 96 letters.
fn wrapped(text: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + word.len() <= 96 => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_of_the_documentation_is_the_one_that_is_written_now() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../docs/defects-of-the-original.md"
        );
        let written = std::fs::read_to_string(path).unwrap_or_default();
        let page = whole(&Catalogue::own().unwrap());
        assert!(
            written == page,
            "write it anew: cargo sim original --known -o markdown > \
             docs/defects-of-the-original.md"
        );
    }

    #[test]
    fn headings_have_anchors_and_lines_are_short() {
        assert_eq!(anchor("A stop, that's lost"), "a-stop-thats-lost");
        let text = "word ".repeat(100);
        assert!(wrapped(&text).lines().all(|line| line.len() <= 96));
        assert_eq!(wrapped(&text).split_whitespace().count(), 100);
    }
}
