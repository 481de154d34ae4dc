//! The texts that are looked at, by their paths from the repository's root.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use super::source_text::{code_only, without_test_modules};

/// Paths from the repository's root, with their texts. Clones share the texts.
#[derive(Clone, Default)]
pub(crate) struct Tree(BTreeMap<String, Arc<Text>>);

/// A file's text. Its code is made out once.
#[derive(Default)]
pub(crate) struct Text {
    whole: String,
    code: OnceLock<String>,
    shipped: OnceLock<String>,
}

impl Tree {
    /// The tree that this test was built in.
    pub(crate) fn real() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let mut tree = Self::default();
        for folder in ["crates", "docs", "migrations"] {
            tree.gather(&root, &root.join(folder));
        }
        for entry in fs::read_dir(&root).into_iter().flatten().flatten() {
            if entry.path().extension().is_some_and(|extension| extension == "md") {
                tree.gather(&root, &entry.path());
            }
        }
        tree
    }

    /// The same tree with these files in place of its own.
    pub(crate) fn with(&self, files: &[(&str, String)]) -> Self {
        let mut tree = self.clone();
        for (path, text) in files {
            tree.insert((*path).to_owned(), text.clone());
        }
        tree
    }

    pub(crate) fn get(&self, path: &str) -> Option<&Text> {
        self.0.get(path).map(Arc::as_ref)
    }

    pub(crate) fn paths(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    pub(crate) fn files(&self) -> impl Iterator<Item = (&str, &Text)> {
        self.0.iter().map(|(path, text)| (path.as_str(), text.as_ref()))
    }

    /// Every file of Rust, tests as well.
    pub(crate) fn sources(&self) -> impl Iterator<Item = (&str, &Text)> {
        self.files().filter(|(path, _)| path.starts_with("crates/") && path.ends_with(".rs"))
    }

    /// Every file of Rust that belongs to a crate itself, not to its tests.
    pub(crate) fn crate_sources(&self) -> impl Iterator<Item = (&str, &Text)> {
        self.sources().filter(|(path, _)| path.contains("/src/"))
    }

    fn insert(&mut self, path: String, whole: String) {
        self.0.insert(path, Arc::new(Text { whole, ..Text::default() }));
    }

    fn gather(&mut self, root: &Path, place: &Path) {
        if let Ok(folder) = fs::read_dir(place) {
            for entry in folder.flatten() {
                self.gather(root, &entry.path());
            }
        } else if let (Ok(text), Ok(path)) = (fs::read_to_string(place), place.strip_prefix(root)) {
            self.insert(path.to_string_lossy().replace('\\', "/"), text);
        }
    }
}

impl Text {
    pub(crate) fn whole(&self) -> &str {
        &self.whole
    }

    /// The text of Rust with comments blank and literals made harmless.
    pub(crate) fn code(&self) -> &str {
        self.code.get_or_init(|| code_only(&self.whole))
    }

    /// The code without its test modules, each character in its place.
    pub(crate) fn shipped(&self) -> &str {
        self.shipped.get_or_init(|| without_test_modules(self.code()))
    }
}

/// The crate that a path belongs to.
pub(crate) fn crate_of(path: &str) -> &str {
    path.strip_prefix("crates/").and_then(|rest| rest.split('/').next()).unwrap_or_default()
}
