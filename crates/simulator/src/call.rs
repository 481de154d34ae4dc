//! `alipayplus-sim cancel`: one signed call, to see what a wallet says.

use std::process::ExitCode;
use std::time::Instant;

use clap::Args;

use crate::alipayplus::{AlipayPlus, PartnerArgs, TIMEOUT};
use crate::output::{CommandError, say};
use crate::wire::{Request, Response};

/// One cancel.
#[derive(Args, Debug)]
pub(crate) struct CancelArgs {
    #[command(flatten)]
    partner: PartnerArgs,
    /// The payment to cancel
    #[arg(long, value_name = "ID")]
    payment_request_id: String,
}

/// Prints the request and its answer as they went over the wire. Succeeds where the answer is signed by the wallet, whatever it
/// says.
pub(crate) async fn run(args: CancelArgs) -> Result<ExitCode, CommandError> {
    let alipayplus = AlipayPlus::new(&args.partner.partner()?)?;
    let request = alipayplus.request(alipayplus.body(&args.payment_request_id))?;
    say(printed(&request.head(), &request.body))?;
    let begun = Instant::now();
    let response = send(&alipayplus, &request).await?;
    let took = begun.elapsed().as_secs_f64() * 1_000.0;
    say(printed(&response.head(), &response.body))?;
    match alipayplus.read((&request.method, request.uri()), &response) {
        Ok(answer) => {
            let (brief, message) = (answer.brief(), answer.message);
            say(format_args!("{brief} ({message}), signed by the wallet, after {took:.1} ms"))?;
            Ok(ExitCode::SUCCESS)
        }
        Err(why) => Err(CommandError::new(format!("Alipay+ cannot use this answer: {why}"))),
    }
}

async fn send(alipayplus: &AlipayPlus, request: &Request) -> Result<Response, CommandError> {
    let exchange = async {
        let mut connection = alipayplus.dialer.connect().await?;
        connection.send(&request.bytes()).await?;
        connection.receive().await
    };
    let answered = tokio::time::timeout(TIMEOUT, exchange).await;
    let answered = answered.map_err(|_| CommandError::new(format!("no answer within {} s", TIMEOUT.as_secs())))?;
    answered.map_err(|error| CommandError::new(format!("no answer: {error}")))
}

fn printed(head: &str, body: &[u8]) -> String {
    format!("{}{}\n", head.replace("\r\n", "\n"), String::from_utf8_lossy(body))
}
