//! The modules of a crate and their files: where a path of Rust leads, as far as text tells.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::source_text::words;
use super::tree::Tree;

/// A path of Rust from the crate's root, without `crate`.
type Names = Vec<String>;

/// A crate's modules by their paths.
pub(crate) struct Modules<'a>(BTreeMap<Names, Module<'a>>);

/// One file.
struct Module<'a> {
    path: &'a str,
    code: &'a str,
    imports: OnceCell<Vec<Import>>,
    defined: OnceCell<BTreeSet<&'a str>>,
}

/// One name that a `use` brings, or a glob.
#[derive(Clone)]
struct Import {
    /// `*` for a glob.
    name: String,
    leads_to: Names,
}

/// How many re-exports are followed one after another.
const DEPTH: usize = 8;

impl<'a> Modules<'a> {
    /// The modules of each crate. Files that only tests are made of are left out.
    pub(crate) fn of_every_crate(tree: &'a Tree) -> Vec<Self> {
        let mut crates: BTreeMap<&str, Self> = BTreeMap::new();
        for (path, text) in tree.crate_sources() {
            let Some((owner, inside)) = path.split_once("/src/") else { continue };
            let mut names: Names = inside.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
            names.pop_if(|last| ["mod", "lib", "main"].contains(&last.as_str()));
            let module = Module { path, code: text.shipped(), imports: OnceCell::new(), defined: OnceCell::new() };
            crates.entry(owner).or_insert_with(|| Self(BTreeMap::new())).0.insert(names, module);
        }
        crates.into_values().collect()
    }

    /// Which file uses which, but for a module and what it is made of.
    pub(crate) fn uses(&self) -> BTreeMap<&'a str, BTreeSet<&'a str>> {
        let mut uses: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for (from, module) in &self.0 {
            let imports = module.imports().iter().map(|import| import.leads_to.clone());
            for path in imports.chain(module.paths()) {
                let Some(to) = self.leads_to(from, &path, DEPTH) else { continue };
                if !to.starts_with(from) && !from.starts_with(&to) {
                    uses.entry(module.path).or_default().insert(self.0[&to].path);
                }
            }
        }
        uses
    }

    /// The module that defines what a path in another module names; `None` where that is not in this crate.
    fn leads_to(&self, from: &Names, path: &[String], depth: usize) -> Option<Names> {
        let first = path.first()?.as_str();
        let mut at = match first {
            "crate" => Names::new(),
            "self" => from.clone(),
            "super" => from.split_last()?.1.to_vec(),
            _ if self.child(from, first).is_some() => self.child(from, first)?,
            // A module that was imported.
            _ => {
                let import = self.0[from].imports().iter().find(|import| import.name == first && import.leads_to[0] != first)?;
                let path: Names = import.leads_to.iter().chain(&path[1..]).cloned().collect();
                return self.leads_to(from, &path, depth.checked_sub(1)?);
            }
        };
        for (place, name) in path.iter().enumerate().skip(1) {
            match self.child(&at, name) {
                Some(child) => at = child,
                None if name == "super" => _ = at.pop(),
                None => return Some(self.defines(&at, &path[place..], depth).unwrap_or(at)),
            }
        }
        Some(at)
    }

    /// Where what a module calls by a name is defined; `None` where text does not tell.
    fn defines(&self, module: &Names, path: &[String], depth: usize) -> Option<Names> {
        let (found, name, depth) = (self.0.get(module)?, path.first()?, depth.checked_sub(1)?);
        if let Some(import) = found.imports().iter().find(|import| import.name == *name && name != "*") {
            return self.leads_to(module, &import.leads_to, depth);
        }
        if name == "*" || found.defined().contains(name.as_str()) {
            return Some(module.clone());
        }
        let globs = found.imports().iter().filter(|import| import.name == "*");
        let mut behind = globs.filter_map(|glob| self.leads_to(module, &glob.leads_to, depth));
        behind.find(|other| self.0.get(other).is_some_and(|other| other.defined().contains(name.as_str())))
    }

    fn child(&self, module: &Names, name: &str) -> Option<Names> {
        let child: Names = module.iter().map(String::as_str).chain([name]).map(str::to_owned).collect();
        self.0.contains_key(&child).then_some(child)
    }
}

impl<'a> Module<'a> {
    fn imports(&self) -> &[Import] {
        self.imports.get_or_init(|| {
            let trees = use_trees(self.code).into_iter().map(|tree| &self.code[tree]);
            trees.flat_map(|tree| imports(tree, &Names::new())).collect()
        })
    }

    /// Every path in the code that has two names at least, but for those of a `use`.
    fn paths(&self) -> Vec<Names> {
        let trees = use_trees(self.code);
        let mut paths: Vec<Names> = vec![];
        let mut end = usize::MAX;
        for (place, word) in words(self.code).filter(|(place, _)| !trees.iter().any(|tree| tree.contains(place))) {
            let follows = end < place && self.code[end..place].trim() == "::";
            match paths.last_mut().filter(|_| follows) {
                Some(path) => path.push(word.to_owned()),
                None => paths.push(vec![word.to_owned()]),
            }
            end = place + word.len();
        }
        paths.retain(|path| path.len() > 1);
        paths
    }

    /// The names of the items that the file defines, macros as well.
    fn defined(&self) -> &BTreeSet<&'a str> {
        const KINDS: [&str; 9] = ["struct", "enum", "trait", "type", "union", "fn", "const", "static", "macro_rules"];
        self.defined.get_or_init(|| {
            let words: Vec<_> = words(self.code).map(|(_, word)| word).collect();
            words.windows(2).filter(|pair| KINDS.contains(&pair[0])).map(|pair| pair[1]).collect()
        })
    }
}

/// Where the trees of `use` stand.
fn use_trees(code: &str) -> Vec<Range<usize>> {
    let uses = words(code).filter(|(_, word)| *word == "use");
    uses.filter_map(|(place, _)| Some(place + 3..place + code[place..].find(';')?)).collect()
}

/// What one tree of a `use` brings, each name with the path that it stands for.
fn imports(tree: &str, before: &Names) -> Vec<Import> {
    let tree = tree.trim();
    if let Some((path, group)) = tree.split_once('{') {
        let before: Names = before.iter().cloned().chain(segments(path)).collect();
        let group = group.trim_end().strip_suffix('}').unwrap_or(group);
        return parts(group).into_iter().flat_map(|part| imports(part, &before)).collect();
    }
    let (path, alias) = tree.split_once(" as ").map_or((tree, None), |(path, alias)| (path, Some(alias.trim())));
    let mut leads_to: Names = before.iter().cloned().chain(segments(path)).collect();
    if leads_to.len() > 1 {
        leads_to.pop_if(|last| last == "self");
    }
    let Some(last) = leads_to.last() else { return vec![] };
    let name = alias.unwrap_or(last).to_owned();
    vec![Import { name, leads_to }]
}

fn segments(path: &str) -> impl Iterator<Item = String> {
    path.split("::").map(str::trim).filter(|segment| !segment.is_empty()).map(str::to_owned)
}

/// Splits at the commas that stand in no braces.
fn parts(group: &str) -> Vec<&str> {
    let (mut depth, mut from, mut found) = (0_usize, 0, vec![]);
    for (place, b) in group.bytes().enumerate() {
        match b {
            b'{' => depth += 1,
            b'}' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => {
                found.push(&group[from..place]);
                from = place + 1;
            }
            _ => {}
        }
    }
    found.push(&group[from..]);
    found.retain(|part| !part.trim().is_empty());
    found
}
