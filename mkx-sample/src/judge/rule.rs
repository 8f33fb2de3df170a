//! What can be wrong with a sample: a rule for each check.

mkx_contract::rules! {
    /// The rules.
    pub enum Rule {
        Schema "schema" Error "EB's schema is not EA's, or not the policy's"
            why "what runs here would fail there, or nobody has said what is private"
            fix "mkx-sample policy check says what the policy lacks; mkx-sample run makes EB anew";
        ForeignKeys "foreign-keys" Error "a foreign key is missing, not enforced, or leads nowhere"
            why "rows refer to rows that are not there" fix "mkx-sample run";
        References "references" Error "a reference of the policy leads nowhere"
            why "the application looks for rows that are not there" fix "mkx-sample run";
        Rows "rows" Error "rows or kept values are not EA's"
            why "the sample shows what production never had" fix "mkx-sample run takes a new sample";
        HiddenValues "hidden-values" Error "a value that the policy hides is not hidden"
            why "production's people may be seen in development" fix "mkx-sample reset, or run";
        RowCounts "row-counts" Error "a table that comes whole or not at all has the wrong number of rows"
            why "the sample lacks what the policy promises, or has what it forbids" fix "mkx-sample run";
        Rate "rate" Error "more or fewer users came than were asked for"
            why "the sample is not what was asked for" fix "mkx-sample run, or verify with the flags that run had";
        Stubs "stubs" Error "something belongs to a stub"
            why "a stub is there to be referred to, and owns nothing" fix "mkx-sample run";
        Owned "owned" Error "a user came without all that he owns"
            why "pages of the application would show gaps" fix "mkx-sample run";
        Coverage "coverage" Error "a value of an enum-like column does not occur"
            why "what only such rows do is not tried in development" fix "mkx-sample run";
        Sequences "sequences" Error "a sequence is behind what it fills"
            why "the next row that development adds would fail" fix "mkx-sample run, or setval";
        Passwords "passwords" Error "an account does not have the development password"
            why "a password of production may work in development" fix "mkx-sample reset, or run";
        SensitiveColumns "sensitive-columns" Error "a hidden column holds a value of its own in EA"
            why "production's people may be seen in development" fix "mkx-sample reset, or run";
        SensitiveAnywhere "sensitive-anywhere" Error "a column holds an identifier that EA hides"
            why "production's people may be seen in development"
            fix "scrub the column in the policy where it came so from EA, and then: mkx-sample run";
        EmailAddresses "email-addresses" Error "a scrubbed column holds an e-mail address"
            why "development could write to somebody" fix "mkx-sample reset, or run";
        TelephoneNumbers "telephone-numbers" Error "a scrubbed column holds a telephone number"
            why "development could call somebody" fix "mkx-sample reset, or run";
        UrlSecrets "url-secrets" Error "a scrubbed column holds a password or token in a URL"
            why "it may open something" fix "mkx-sample reset, or run";
        Urls "urls" Error "a rewritten column holds a URL of EA"
            why "development would lead to production" fix "mkx-sample reset, or run";
        JsonMembers "json-members" Error "a JSON column holds members that should not stay"
            why "what they hold may be private" fix "mkx-sample reset, or run";
    }
}
