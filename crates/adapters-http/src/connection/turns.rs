//! Around each answer: whether its request is answered at all, when its turn is, and whether it is the connection's last.

use std::future::{Future, pending};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::Error;
use actix_web::body::{BodySize, MessageBody};
use actix_web::dev::{Payload, Service, ServiceRequest, ServiceResponse};
use actix_web::http::ConnectionType;
use actix_web::web::Bytes;

use super::state::{ConnectionState, InHand};

/// The body of an answer. It is dropped once the answer is written, and its request is in hand until then.
pub(crate) struct AnswerBody<B> {
    body: B,
    _in_hand: InHand,
}

impl<B: MessageBody + Unpin> MessageBody for AnswerBody<B> {
    type Error = B::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(cx)
    }
}

/// Answers the request by `service`. After an answer that closes the connection there is no other: its request waits until the socket has
/// closed.
///
/// The server by itself announces the end where a body was left unread, and goes on to answer what comes behind that body. So whatever ends
/// the connection is found here, and announced here.
pub(crate) fn take_turns<S, B>(
    request: ServiceRequest,
    service: &S,
) -> impl Future<Output = Result<ServiceResponse<AnswerBody<B>>, Error>> + use<S, B>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody + Unpin,
{
    let state = request.conn_data::<Rc<ConnectionState>>().map(Rc::clone).unwrap_or_default();
    let wants_close = request.head().connection_type() == ConnectionType::Close;
    let has_body = !matches!(request.parts().1, Payload::None);
    // Where nothing is in hand, the service is not called at all.
    let begun = state.begin(has_body).map(|in_hand| (in_hand, service.call(request)));
    async move {
        let Some((mut in_hand, answer)) = begun else { return pending().await };
        state.turn().await;
        let mut response = answer.await?;
        let head = response.response_mut().head_mut();
        in_hand.closes = wants_close || head.connection_type() == ConnectionType::Close || state.awaits_body();
        if in_hand.closes {
            head.set_connection_type(ConnectionType::Close);
        }
        Ok(response.map_body(|_, body| AnswerBody { body, _in_hand: in_hand }))
    }
}
