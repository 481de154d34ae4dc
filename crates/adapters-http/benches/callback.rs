//! What reading a cancel and writing a signature's header costs: `cargo bench -p adapters-http`.

use adapters_http::signature_header::{Content, SignatureHeader, header};
use adapters_http::{CancelPayment, Message};
use divan::{Bencher, black_box};
use ports::Signature;

const BODY: &[u8] =
    br#"{"acquirerId":"1022188000000000001","pspId":"1022172000000000001","paymentRequestId":"20260301190741010700166001"}"#;

fn main() {
    divan::main();
}

fn signature() -> Signature {
    Signature { key_version: 1, bytes: (0..=255).collect() }
}

#[divan::bench]
fn parse_the_header(bencher: Bencher<'_, '_>) {
    let header = header(&signature());
    bencher.bench_local(|| SignatureHeader::parse(black_box(header.as_bytes())));
}

#[divan::bench]
fn parse_the_body(bencher: Bencher<'_, '_>) {
    bencher.bench_local(|| CancelPayment::parse(black_box(BODY)));
}

#[divan::bench]
fn write_the_header(bencher: Bencher<'_, '_>) {
    let signature = signature();
    bencher.bench_local(|| header(black_box(&signature)));
}

#[divan::bench]
fn join_the_text(bencher: Bencher<'_, '_>) {
    let (method, uri, client_id) = ("POST", "/aps/api/v1/payments/cancelPayment", "SANDBOX_ALIPAYPLUS");
    let content = Content { method, uri, client_id, time: b"2026-03-01T12:00:00+08:00", body: BODY };
    bencher.bench_local(|| black_box(content).text());
}
