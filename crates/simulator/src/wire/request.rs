//! A request as its bytes.

/// A request that may be wrong in any way: nothing of it is checked, added or put in order.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// What stands between the method and the version.
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// A request with the two headers that every one has.
    pub(crate) fn new(method: &str, target: &str, authority: &str, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        let length = ("Content-Length".to_owned(), body.len().to_string());
        let headers = vec![("Host".to_owned(), authority.to_owned()), length];
        Self { method: method.to_owned(), target: target.to_owned(), headers, body }
    }

    /// The same with another header, also where one of that name is there already.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same without any header of that name.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self
    }

    /// The value of the first header of that name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Path and query of the target, which is what is signed; a target in absolute form has a scheme and a host before them.
    pub(crate) fn uri(&self) -> &str {
        let origin_form = self.target.split_once("://").and_then(|(_, rest)| rest.find('/').map(|at| &rest[at..]));
        origin_form.filter(|_| !self.target.starts_with('/')).unwrap_or(&self.target)
    }

    /// The head with its empty line.
    pub(crate) fn head(&self) -> String {
        let line = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        let headers = self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n"));
        std::iter::once(line).chain(headers).chain(["\r\n".to_owned()]).collect()
    }

    /// All that goes over the wire.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        [self.head().as_bytes(), &self.body].concat()
    }
}
