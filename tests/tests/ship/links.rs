//! Links between documents lead to a file, and to a heading in it.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use crate::files::{documents, read, root};

/// The anchors of a document's headings, as they are made on code forges.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    let mut fenced = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        let level = line.chars().take_while(|c| *c == '#').count();
        if fenced || !(1..=6).contains(&level) {
            continue;
        }
        let title = line[level..].trim().to_lowercase();
        let kept = title
            .chars()
            .filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
        let anchor: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect();
        if !anchors.insert(anchor.clone()) {
            anchors.insert(format!("{anchor}-1"));
        }
    }
    anchors
}

/// `a/b/../c` without its detours.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => assert!(plain.pop(), "{} leads out", path.display()),
            Component::Normal(name) => plain.push(name),
            _ => {}
        }
    }
    plain
}

fn targets(text: &str) -> Vec<&str> {
    let mut fenced = false;
    let mut found = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        for (at, _) in line.match_indices("](") {
            found.extend(line[at + 2..].split(')').next());
        }
    }
    found
}

#[test]
fn links_lead_to_headings_that_exist() {
    let mut followed = 0;
    for path in documents() {
        let text = read(&path);
        let folder = Path::new(&path).parent().unwrap();
        for target in targets(&text) {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let (file, anchor) = match target.split_once('#') {
                Some((file, anchor)) => (file, Some(anchor)),
                None => (target, None),
            };
            let file = match file {
                "" => PathBuf::from(&path),
                file => plain(&folder.join(file)),
            };
            assert!(root().join(&file).exists(), "{path}: {target}");
            if let Some(anchor) = anchor {
                let there = anchors(&read(file.to_str().unwrap()));
                assert!(there.contains(anchor), "{path}: {target}");
            }
            followed += 1;
        }
    }
    assert!(followed > 50, "only {followed} links were found");
}

#[test]
fn decisions_are_listed() {
    let list = read("docs/adr/README.md");
    let decisions = crate::files::under("docs/adr");
    let decisions: Vec<&str> = decisions
        .iter()
        .filter_map(|path| path.strip_prefix("docs/adr/"))
        .filter(|name| *name != "README.md")
        .collect();
    for (index, name) in decisions.iter().enumerate() {
        let number = index + 1;
        assert!(
            name.starts_with(&format!("{number:04}-")),
            "{name} is not number {number}"
        );
        let text = read(&format!("docs/adr/{name}"));
        let title = text.lines().next().unwrap();
        let title = title.strip_prefix(&format!("# {number}. ")).unwrap();
        assert!(
            list.contains(&format!("| [{number}]({name}) | {title} |")),
            "{name}"
        );
        for part in ["**Decided.**", "**Why.**", "**What follows.**"] {
            assert!(text.contains(part), "{name} does not say {part}");
        }
    }
    assert!(decisions.len() >= 10);
}

#[test]
fn anchors_are_made_as_forges_make_them() {
    let text = "# A b's (c)\n## 3. Run it\n```\n# no\n```\n### ServiceDown\n";
    let expected = ["a-bs-c", "3-run-it", "servicedown"].map(str::to_owned);
    assert_eq!(anchors(text), BTreeSet::from(expected));
}
