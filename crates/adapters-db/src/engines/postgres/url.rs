//! The server's URL. libpq quotes what it cannot read, and where a password is not encoded that is a part of the password: so what could be
//! read in two ways is refused here, in a sentence that shows nothing of it.

use percent_encoding::percent_decode_str;

use crate::settings::DatabaseError;

/// What libpq would wait for without end. A server that vanishes in a failover says no goodbye: the kernel would try for a quarter of
/// an hour, and everything that waits for the connection with it.
pub(super) const PATIENCE: &str = "connect_timeout=2&keepalives_idle=2&keepalives_interval=2&tcp_user_timeout=5000\
                                   &fallback_application_name=rescind";

/// A URL that can be read in one way only.
pub(super) struct ServerUrl<'a> {
    url: &'a str,
    /// Passwords as they stand in the URL.
    written: Vec<&'a str>,
}

impl<'a> ServerUrl<'a> {
    pub(super) fn parse(url: &'a str) -> Result<Self, DatabaseError> {
        let written = passwords(url).ok_or_else(|| {
            DatabaseError(
                "database.url cannot be read as postgres://USER:PASSWORD@HOST:PORT/NAME?KEY=VALUE: within its parts write each of \
                 % @ / ? : [ ] & = as % and two digits, such as %40 for @, or put the password into database.password_file"
                    .to_owned(),
            )
        })?;
        Ok(Self { url, written })
    }

    /// The URL with our patience as parameters. Of two values libpq takes the last: the URL's own patience counts.
    pub(super) fn address(&self) -> String {
        let (server, own) =
            self.url.split_once('?').map_or((self.url, String::new()), |(server, own)| (server, format!("&{own}")));
        format!("{server}?{PATIENCE}{own}")
    }

    /// What must never be shown: each password as it is, and as it is written.
    pub(super) fn secrets(&self) -> Vec<String> {
        let decoded = self.written.iter().map(|written| percent_decode_str(written).decode_utf8_lossy().into_owned());
        let all = decoded.chain(self.written.iter().map(ToString::to_string));
        all.filter(|secret| !secret.is_empty()).collect()
    }
}

/// An address with a password, which counts and not the one of the URL.
pub(super) fn with_password(address: &str, password: &str) -> String {
    let encode = |byte: u8| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    format!("{address}&password={}", password.bytes().map(encode).collect::<String>())
}

/// The passwords in the URL; `None` where it could be read in two ways.
fn passwords(url: &str) -> Option<Vec<&str>> {
    let (_, rest) = url.split_once("://")?;
    let (place, parameters) = rest.split_once('?').map_or((rest, None), |(place, parameters)| (place, Some(parameters)));
    let (authority, name) = place.split_once('/').map_or((place, ""), |(authority, name)| (authority, name));
    let (login, hosts) = authority.split_once('@').map_or((None, authority), |(login, hosts)| (Some(login), hosts));
    let is_plain = has_whole_escapes(rest) && !name.contains(['/', '@']) && hosts.split(',').all(is_host);
    let mut found: Vec<_> = login.and_then(|login| login.split_once(':')).map(|(_, password)| password).into_iter().collect();
    for parameter in parameters.into_iter().flat_map(|parameters| parameters.split('&')) {
        let (key, value) = parameter.split_once('=')?;
        let is_key = !key.is_empty() && key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        if !is_key || value.contains(['=', '@', '?']) {
            return None;
        }
        if key.contains("password") {
            found.push(value);
        }
    }
    is_plain.then_some(found)
}

/// Whether each `%` begins an escape, and none of them is the end of a text in C.
fn has_whole_escapes(text: &str) -> bool {
    text.split('%').skip(1).all(|behind| {
        let digits = behind.as_bytes().get(..2).unwrap_or_default();
        digits.len() == 2 && digits.iter().all(u8::is_ascii_hexdigit) && digits != b"00"
    })
}

/// Whether this is one host with its port: a name, an address, an address of IPv6 in brackets, or nothing.
fn is_host(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[') {
        None => text.split_once(':').map_or((text, ""), |(host, port)| (host, port)),
        Some(bracketed) => match bracketed.split_once(']') {
            Some((host, "")) => (host, ""),
            Some((host, port)) => (host, port.strip_prefix(':').unwrap_or("-")),
            None => return false,
        },
    };
    !host.contains(['[', ']', '@', ' ']) && port.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(url: &str, password: Option<&str>) -> String {
        let address = ServerUrl::parse(url).unwrap().address();
        password.map_or_else(|| address.clone(), |password| with_password(&address, password))
    }

    #[test]
    fn a_password_and_a_patience_of_its_own_come_last() {
        let (plain, own) = ("postgres://r@db/rescind", "postgres://r@db/rescind?tcp_user_timeout=9");
        assert_eq!(address(plain, None), format!("{plain}?{PATIENCE}"));
        assert_eq!(address(plain, Some("p w/%&")), format!("{plain}?{PATIENCE}&password=p%20w%2F%25%26"));
        assert_eq!(address(own, Some("p")), format!("{plain}?{PATIENCE}&tcp_user_timeout=9&password=p"));
    }

    #[test]
    fn f82_every_password_of_a_url_is_known_as_it_is_and_as_it_is_written() {
        for (url, secrets) in [
            ("postgres://r@db/rescind", vec![]),
            ("postgres:///rescind?host=%2Frun%2Fpostgresql", vec![]),
            ("postgres://r@[::1]:5432,db:5433,%2Frun/rescind?sslmode=verify-full", vec![]),
            ("postgresql://r:p%40ss@db/rescind", vec!["p@ss", "p%40ss"]),
            ("postgresql://r:p:ss@db/rescind", vec!["p:ss", "p:ss"]),
            ("postgres://db?user=r&password=p%25&sslpassword=q", vec!["p%", "q", "p%25", "q"]),
        ] {
            assert_eq!(ServerUrl::parse(url).unwrap().secrets(), secrets, "{url}");
        }
    }

    #[test]
    fn f82_a_url_that_could_be_read_in_two_ways_is_refused_and_not_shown() {
        for url in [
            "postgres://r:secret%@db/rescind",
            "postgres://r:sec%ret@db/rescind",
            "postgres://r:secret%00@db/rescind",
            "postgres://r:sec@ret@db/rescind",
            "postgres://r:sec/ret@db/rescind",
            "postgres://r:123/secret@db/rescind",
            "postgres://r:123?secret@db/rescind",
            "postgres://r:123?a=secret@db/rescind",
            "postgres://r:secret",
            "postgres://r:secret/rescind",
            "postgres://[secret",
            "postgres://[::1]secret/rescind",
            "postgres://db/rescind?password=sec&ret",
            "postgres://db/rescind?password=sec=ret",
            "postgres://db/rescind?secret",
            "postgres://db/rescind?Secret=1",
        ] {
            let refused = ServerUrl::parse(url).err().expect(url).to_string();
            assert!(refused.starts_with("database.url cannot be read") && !refused.to_lowercase().contains("ret"), "{refused}");
        }
    }
}
