//! The sample of Alipay+'s documentation, signed and verified by openssl, which knows nothing of Rescind.

use std::path::Path;
use std::process::Command;

use adapters_http::signature_header::SignatureHeader;
use ports::Signature;
use testkit::partner::now;
use testkit::{CLIENT_ID, Deployment, PATH, TestEngine};

const BODY: &str =
    r#"{"acquirerId":"1022188000000000001","pspId":"1022172000000000001","paymentRequestId":"20200101234567890132"}"#;
const ANSWER: &str = r#"{"result":{"resultCode":"SUCCESS","resultStatus":"S","resultMessage":"Success"}}"#;

fn openssl(dir: &Path, args: &[&str]) -> Vec<u8> {
    let output = Command::new("openssl").args(args).current_dir(dir).output().unwrap();
    assert!(output.status.success(), "openssl {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

async fn is_answered_and_signed(engine: TestEngine) {
    let deployment = Deployment::on(engine);
    let process = deployment.start().await;
    let (dir, time) = (deployment.dir(), now());
    std::fs::write(dir.join("request"), format!("POST {PATH}\n{CLIENT_ID}.{time}.{BODY}")).unwrap();
    let bytes = openssl(dir, &["dgst", "-sha256", "-sign", "alipayplus/wallet-private.pem", "request"]);
    let signature = adapters_http::signature_header::header(&Signature { key_version: 1, bytes });

    let request = testkit::loopback().post(format!("http://{}{PATH}", process.callback)).body(BODY);
    let request = request.header("client-id", CLIENT_ID).header("request-time", time).header("signature", signature);
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    let headers = response.headers().clone();
    assert_eq!(headers["client-id"], CLIENT_ID);
    let body = response.text().await.unwrap();
    assert_eq!(body, ANSWER);

    let answered_at = headers["response-time"].to_str().unwrap();
    std::fs::write(dir.join("response"), format!("POST {PATH}\n{CLIENT_ID}.{answered_at}.{body}")).unwrap();
    std::fs::write(dir.join("signature"), SignatureHeader::parse(headers["signature"].as_bytes()).unwrap().signature).unwrap();
    let verified = openssl(dir, &["dgst", "-sha256", "-verify", "keys/wallet-public.pem", "-signature", "signature", "response"]);
    assert_eq!(String::from_utf8(verified).unwrap(), "Verified OK\n");
}

#[tokio::test]
async fn the_seed_sample_is_answered_with_s_on_sqlite() {
    is_answered_and_signed(TestEngine::Sqlite).await;
}

#[tokio::test]
async fn the_seed_sample_is_answered_with_s_on_postgresql() {
    is_answered_and_signed(TestEngine::Postgres).await;
}
