//! One run: a payment, its wallet and Alipay+ on the outside, processes that may die, and the money at the end.

use std::sync::{Arc, Mutex};

use chrono::TimeDelta;
use domain::{AcquirerId, Action, Answer, CommandReply, Disposition, Payment, PaymentRequestId, PaymentStatus, ReportedResult};
use ports::testing::Wallet;
use ports::{CancellationStore, Clock, ReceivedCommand};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use use_cases::{CancelAnswer, ReceivedCancel, cancel, submit};

use crate::faults::core::Mood;
use crate::faults::plan::held;
use crate::faults::process::{Money, Process, Surroundings};

/// How often anybody asks again before a run has failed.
const PATIENCE: usize = 2000;

/// What the payment of a run takes, in yen.
pub(crate) const PAID: i64 = 1000;

/// A run.
pub(crate) struct World {
    pub(crate) id: PaymentRequestId,
    pub(crate) around: Surroundings,
    /// Looks at the cases behind the processes' backs.
    pub(crate) cases: Arc<dyn CancellationStore>,
    processes: Arc<Vec<Mutex<Arc<Process>>>>,
    heard: Mutex<Vec<Answer>>,
}

/// A request that ends when its caller goes away.
struct Request<T>(JoinHandle<T>);

impl<T> Drop for Request<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl World {
    pub(crate) fn new(name: &str, around: Surroundings, processes: usize) -> Self {
        let cases = around.place.open(&around.policy);
        let processes = (0..processes).map(|_| Mutex::new(Process::start(&around))).collect();
        Self { id: ports::testing::id(name), around, cases, processes: Arc::new(processes), heard: Mutex::default() }
    }

    /// Another payment with the same processes.
    pub(crate) fn another(&self, name: &str) -> Self {
        let (around, cases, processes) = (self.around.clone(), Arc::clone(&self.cases), Arc::clone(&self.processes));
        Self { id: ports::testing::id(name), around, cases, processes, heard: Mutex::default() }
    }

    /// The process; another is started where it has died.
    pub(crate) fn process(&self, number: usize) -> Arc<Process> {
        let mut process = held(&self.processes[number]);
        if process.life.has_ended() {
            *process = Process::start(&self.around);
        }
        Arc::clone(&process)
    }

    pub(crate) fn processes(&self) -> usize {
        self.processes.len()
    }

    /// Has a process do something for a caller; `None` where the connection is lost.
    async fn at<T, F>(&self, process: usize, what: impl FnOnce(Arc<Process>) -> F) -> Option<T>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let process = self.process(process);
        let mut lost = process.life.callers();
        let mut request = Request(tokio::spawn(what(Arc::clone(&process))));
        tokio::select! {
            biased;
            _ = lost.changed() => None,
            done = &mut request.0 => done.ok(),
        }
    }

    pub(crate) async fn waits(&self) {
        sleep(self.around.pace.again).await;
    }

    /// Waits for something to become true.
    pub(crate) async fn waits_until(&self, what: &str, is_true: impl AsyncFn() -> bool) {
        for _ in 0..PATIENCE {
            if is_true().await {
                return;
            }
            self.waits().await;
        }
        panic!("never {what}: {:#?}", self.file().await);
    }

    // ---- Alipay+ ----

    /// Alipay+ asks once. What it hears is held against the money at once.
    pub(crate) async fn asks_once(&self, process: usize) -> Option<Answer> {
        let taken = self.moved().await.taken;
        let knew_it = self.final_answers().contains(&Answer::Cancelled);
        let received = ReceivedCancel {
            id: self.id.clone(),
            acquirer_id: AcquirerId::parse("acquirer-1").unwrap(),
            received_at: self.around.clock.now(),
            arrived: Instant::now().into_std(),
        };
        let deadline = (Instant::now() + self.around.pace.budget).into_std();
        let signed = |process: Arc<Process>| async move {
            let reply = cancel(&process.ports, received, deadline).await;
            // Without a signature nothing leaves.
            process.signer.sign(b"the answer").await.is_ok().then_some(reply)
        };
        let Some(Ok(CancelAnswer { answer, .. })) = self.at(process, signed).await? else { return None };
        held(&self.heard).push(answer);
        match answer {
            Answer::Cancelled => {
                let moved = self.moved().await;
                // Once it is answered, S is repeated also while a later success is on its way back.
                assert!(knew_it || moved.refunded + moved.given_back >= taken, "S before the money was back: {moved:?}");
            }
            Answer::Refused(refusal) => {
                let moved = self.moved().await;
                assert!(refusal == domain::Refusal::PartlyRefunded && moved.refunded > 0, "F on doubt: {refusal:?}, {moved:?}");
            }
            Answer::Pending => {}
        }
        Some(answer)
    }

    /// Alipay+ asks until the cancel is recorded, and is not answered any more then; the core breaks whenever it is asked.
    pub(crate) async fn is_cancelled_in_vain(&self, process: usize) {
        self.around.core.feels(&self.id, Some(Mood::Breaks));
        self.waits_until("cancelled", async || {
            let answer = self.asks_once(process).await;
            assert!(matches!(answer, None | Some(Answer::Pending)), "{answer:?} of a core that breaks");
            self.file().await.is_some_and(|file| file.case.is_cancelled())
        })
        .await;
    }

    /// Alipay+ asks until it receives S or F.
    pub(crate) async fn is_cancelled(&self, process: usize) -> Answer {
        for _ in 0..PATIENCE {
            match self.asks_once(process).await {
                Some(answer @ (Answer::Cancelled | Answer::Refused(_))) => return answer,
                Some(Answer::Pending) | None => self.waits().await,
            }
        }
        panic!("no answer to {}", self.id);
    }

    /// Every S and F that was heard.
    pub(crate) fn final_answers(&self) -> Vec<Answer> {
        held(&self.heard).iter().copied().filter(|answer| *answer != Answer::Pending).collect()
    }

    // ---- The wallet ----

    /// The wallet's words now.
    pub(crate) fn wallet(&self) -> Wallet {
        Wallet { amount: PAID, at: self.around.clock.now(), ..Wallet::of(self.id.as_str()) }
    }

    /// The wallet repeats a call until it is answered.
    pub(crate) async fn tells(&self, process: usize, what: impl Fn(&Wallet) -> ReceivedCommand) -> CommandReply {
        for _ in 0..PATIENCE {
            let received = what(&self.wallet());
            if let Some(Ok(reply)) = self.at(process, |process| async move { submit(&process.ports.lanes, received).await }).await
            {
                return reply;
            }
            self.waits().await;
        }
        panic!("nobody listens to the wallet of {}", self.id);
    }

    /// The payment as it is announced, initiated a moment before the run.
    fn payment(&self, wallet: &Wallet) -> ReceivedCommand {
        let mut received = wallet.pays();
        if let Action::Pay(payment) = &mut received.command.action {
            payment.initiated_at = self.around.clock.begins();
        }
        received
    }

    /// The wallet announces the payment and takes the money if it may. With the core that keeps payments there is nothing to announce.
    pub(crate) async fn pays(&self, process: usize) -> bool {
        let may = match self.around.money {
            Money::CoreWithPayments => {
                let Action::Pay(payment) = self.payment(&self.wallet()).command.action else { return false };
                let status = PaymentStatus::Succeeded { completed_at: self.around.clock.now(), fee: None };
                self.around.core.keeps(&self.id, Payment { status, ..payment });
                return true;
            }
            Money::Ledger | Money::Core => self.is_announced(process).await,
        };
        if may {
            self.takes();
        }
        may
    }

    /// The wallet announces the payment; whether it may take the money.
    pub(crate) async fn is_announced(&self, process: usize) -> bool {
        match self.tells(process, |wallet| self.payment(wallet)).await {
            CommandReply::Done(Disposition::Proceed) => true,
            CommandReply::Done(Disposition::Closed) => false,
            other @ (CommandReply::Done(_)
            | CommandReply::NotFound { .. }
            | CommandReply::Conflict(_)
            | CommandReply::RefundedElsewhere) => {
                panic!("the wallet that announces receives {other:?}")
            }
        }
    }

    /// The wallet takes the money. The ledger books that with the result.
    pub(crate) fn takes(&self) {
        if self.around.money == Money::Core {
            self.around.core.takes(&self.id, PAID);
        }
    }

    /// The wallet reports that the payment succeeded; with the core that keeps payments there is nothing to report.
    pub(crate) async fn succeeds(&self, process: usize) -> Option<CommandReply> {
        match self.around.money {
            Money::CoreWithPayments => None,
            Money::Ledger | Money::Core => Some(self.tells(process, |wallet| wallet.reports(ReportedResult::Succeeded)).await),
        }
    }

    /// The user pays, and everybody hears of it.
    pub(crate) async fn has_paid(&self, process: usize) {
        assert!(self.pays(process).await, "nothing is cancelled yet");
        let reply = self.succeeds(process).await;
        assert!(matches!(reply, None | Some(CommandReply::Done(Disposition::Stands))), "{reply:?}");
    }

    /// The wallet refunds on its own, if it may.
    pub(crate) async fn refunds(&self, process: usize, amount: i64) -> bool {
        let reply = self.tells(process, |wallet| wallet.refunds("r-1", amount)).await;
        if reply != CommandReply::Done(Disposition::Proceed) {
            assert_eq!(reply, CommandReply::Done(Disposition::Refused));
            return false;
        }
        if self.around.money == Money::Core {
            self.around.core.refunds(&self.id, amount);
        }
        let reply = self.tells(process, |wallet| wallet.reports_refund("r-1", ReportedResult::Succeeded)).await;
        assert_eq!(reply, CommandReply::Done(Disposition::Stands));
        true
    }

    /// Time goes on; a process whose clock is not its database's would be unready, so that PostgreSQL's goes its own pace.
    pub(crate) fn jumps(&self, by: TimeDelta) {
        if !matches!(*self.around.place, crate::faults::places::Place::Server(_)) {
            self.around.clock.jumps(by);
        }
    }
}
