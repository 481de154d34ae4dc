//! Queries whose text depends on what is asked.

/// A query's text with its parameters. Each stands in the text once, and in this order: SQLite numbers them as they come.
#[derive(Debug, Default, Clone)]
pub(crate) struct Question {
    pub(crate) text: String,
    pub(crate) parameters: Vec<BoundValue>,
}

/// What stands for a parameter.
#[derive(Debug, Clone)]
pub(crate) enum BoundValue {
    Text(String),
    Number(i64),
}

impl Question {
    pub(crate) fn say(mut self, text: &str) -> Self {
        self.text.push_str(text);
        self
    }

    fn parameter(mut self, parameter: BoundValue) -> Self {
        self.parameters.push(parameter);
        let number = self.parameters.len();
        self.say(&format!("${number}"))
    }

    pub(crate) fn text(self, value: &str) -> Self {
        self.parameter(BoundValue::Text(value.to_owned()))
    }

    pub(crate) fn number(self, value: i64) -> Self {
        self.parameter(BoundValue::Number(value))
    }

    /// `part` in the middle of it.
    pub(crate) fn ask(self, part: impl FnOnce(Self) -> Self) -> Self {
        part(self)
    }
}

/// The query of a [`Question`] on a backend, with its parameters bound.
macro_rules! query_of {
    ($question:ident on $backend:ty) => {{
        let query = diesel::sql_query($question.text).into_boxed::<$backend>();
        $question.parameters.into_iter().fold(query, |query, parameter| match parameter {
            $crate::sql::BoundValue::Text(text) => query.bind::<diesel::sql_types::Text, _>(text),
            $crate::sql::BoundValue::Number(number) => query.bind::<diesel::sql_types::BigInt, _>(number),
        })
    }};
}

pub(crate) use query_of;
