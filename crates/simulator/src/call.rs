//! `alipayplus-sim cancel` and `alipayplus-sim inquiry`: one signed call, to see what a wallet says.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;

use crate::alipayplus::{AlipayPlus, INQUIRY_TIMEOUT, PartnerArgs, TIMEOUT};
use crate::output::{CommandError, say};
use crate::wire::{Request, Response};

/// One call about one payment.
#[derive(Args, Debug)]
pub(crate) struct CallArgs {
    #[command(flatten)]
    partner: PartnerArgs,
    /// The payment that is meant
    #[arg(long, value_name = "ID")]
    payment_request_id: String,
}

/// Cancels once, and prints the request and its answer as they went over the wire. Succeeds where the answer is signed by the
/// wallet, whatever it says.
pub(crate) async fn cancel(args: CallArgs) -> Result<ExitCode, CommandError> {
    let alipayplus = AlipayPlus::new(&args.partner.partner()?)?;
    let (request, response, took) = exchange(&alipayplus, &args.payment_request_id, TIMEOUT).await?;
    let answer = alipayplus.read((&request.method, request.uri()), &response).map_err(unusable)?;
    let (brief, message) = (answer.brief(), answer.message);
    conclude(format!("{brief} ({message})"), took)
}

/// Inquires once, and prints as much.
pub(crate) async fn inquire(args: CallArgs) -> Result<ExitCode, CommandError> {
    let alipayplus = AlipayPlus::new(&args.partner.partner_of_inquiries()?)?;
    let (request, response, took) = exchange(&alipayplus, &args.payment_request_id, INQUIRY_TIMEOUT).await?;
    let inquired = alipayplus.read_inquiry((&request.method, request.uri()), &response).map_err(unusable)?;
    let message = &inquired.payment.as_ref().unwrap_or(&inquired.result).message;
    conclude(format!("{} ({message})", inquired.brief()), took)
}

fn unusable(why: String) -> CommandError {
    CommandError::new(format!("Alipay+ cannot use this answer: {why}"))
}

fn conclude(said: String, took: Duration) -> Result<ExitCode, CommandError> {
    let took = took.as_secs_f64() * 1_000.0;
    say(format_args!("{said}, signed by the wallet, after {took:.1} ms"))?;
    Ok(ExitCode::SUCCESS)
}

/// Sends a request about a payment, and prints it and its response.
async fn exchange(
    alipayplus: &AlipayPlus,
    payment_request_id: &str,
    patience: Duration,
) -> Result<(Request, Response, Duration), CommandError> {
    let request = alipayplus.request(alipayplus.body(payment_request_id))?;
    say(printed(&request.head(), &request.body))?;
    let begun = Instant::now();
    let exchange = async {
        let mut connection = alipayplus.dialer.connect().await?;
        connection.send(&request.bytes()).await?;
        connection.receive().await
    };
    let answered = tokio::time::timeout(patience, exchange).await;
    let answered = answered.map_err(|_| CommandError::new(format!("no answer within {} s", patience.as_secs())))?;
    let response = answered.map_err(|error| CommandError::new(format!("no answer: {error}")))?;
    let took = begun.elapsed();
    say(printed(&response.head(), &response.body))?;
    Ok((request, response, took))
}

fn printed(head: &str, body: &[u8]) -> String {
    format!("{}{}\n", head.replace("\r\n", "\n"), String::from_utf8_lossy(body))
}
