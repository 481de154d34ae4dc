//! Lines of shell that cancel one more payment by hand, as Alipay+ would.

use std::net::SocketAddr;
use std::path::Path;

use super::folder::{CLIENT_ID, Folder, KEY_VERSION, PARTNER_PRIVATE_KEY};
use super::rows::{ACQUIRER, PSP_ID, TO_TRY};
use crate::keys::TOKENS;
use crate::settings::Settings;

/// Lines to paste into a POSIX shell that has openssl and curl.
pub(super) fn snippet(folder: &Folder, settings: &Settings, [callback, wallet_api]: [SocketAddr; 2]) -> String {
    let path = &settings.callback.cancel_payment_path;
    let (id, account) = (TO_TRY.id, TO_TRY.account);
    let (key, tokens) = (in_shell(folder, PARTNER_PRIVATE_KEY), in_shell(folder, TOKENS));
    format!(
        r#"
It goes on serving until ctrl-C. One more payment of {account} is paid; paste this into another shell to cancel it:

body='{{"acquirerId":"{ACQUIRER}","pspId":"{PSP_ID}","paymentRequestId":"{id}"}}'
time=$(date -u +%Y-%m-%dT%H:%M:%SZ)
signature=$(printf 'POST %s\n%s.%s.%s' '{path}' '{CLIENT_ID}' "$time" "$body" |
  openssl dgst -sha256 -sign {key} | openssl base64 -A | sed 's/+/%2B/g; s,/,%2F,g; s/=/%3D/g')
curl -i 'http://{callback}{path}' -H 'Content-Type: application/json' -H 'Client-Id: {CLIENT_ID}' \
  -H "Request-Time: $time" -H "Signature: algorithm=RSA256,keyVersion={KEY_VERSION},signature=$signature" -d "$body"
curl 'http://{wallet_api}/wallet/v1/payments/{id}' -H "Authorization: Bearer $(awk '$2 == "pay" {{ print $3 }}' {tokens})"
"#
    )
}

fn in_shell(folder: &Folder, name: &str) -> String {
    quoted(&folder.path().join(name))
}

fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}
