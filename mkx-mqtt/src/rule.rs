//! What `check` and `probe` can find.

mkx_contract::rules! {
    /// The rules.
    pub enum Rule {
        AuthorityMissing "authority-missing" Error "the broker has no authority"
            why "no certificate of a device can be checked" fix "mkx-mqtt certs init ENVIRONMENT";
        AuthorityShared "authority-shared" Error "both environments have one authority"
            why "what one signs, the other accepts: the brokers are not apart"
            fix "move one pair away and make a new one: mkx-mqtt certs init ENVIRONMENT";
        SubjectShared "subject-shared" Warning "both authorities have one subject"
            why "people and tools take one for the other"
            fix "tell them apart by their keys, not by their names";
        NoAuthority "no-authority" Error "the authority's certificate may not sign others"
            why "no device's certificate is accepted" fix "bring the right certificate back from a backup";
        HalfPair "half-pair" Error "a certificate is there without its key, or the key without it"
            why "the one is of no use without the other"
            fix "bring the file back from a backup; a new authority would lock out every device";
        Mismatch "mismatch" Error "a key does not fit its certificate"
            why "the broker does not start with them, or nothing can be signed"
            fix "bring the pair back from a backup";
        Unreadable "unreadable" Error "a certificate, key or list can not be read"
            why "the broker can not read it either" fix "bring the file back from a backup";
        NotYet "not-yet" Error "a certificate does not hold yet"
            why "nobody accepts it before its time" fix "set the clock, or sign it anew";
        Lapsed "lapsed" Error "a certificate or revocation list has lapsed"
            why "nobody accepts it any more; with a lapsed list every device is refused"
            fix "sign it anew: mkx-mqtt certs server or certs crl ENVIRONMENT";
        Lapsing "lapsing" Warning "a certificate or revocation list lapses soon"
            why "nobody will accept it then; with a lapsed list every device is refused"
            fix "sign it anew: mkx-mqtt certs server or certs crl ENVIRONMENT";
        CrlMissing "crl-missing" Error "the authority has no revocation list"
            why "a lost device can not be locked out" fix "mkx-mqtt certs init ENVIRONMENT";
        CrlForeign "crl-foreign" Error "another authority has signed the revocation list"
            why "the broker refuses every device with it" fix "bring the environment's own list back";
        ServerMissing "server-missing" Error "the broker has no certificate"
            why "no device can be sure whom it talks to" fix "mkx-mqtt certs server ENVIRONMENT";
        ServerForeign "server-foreign" Error "another authority has signed the broker's certificate"
            why "devices of this environment do not accept it" fix "mkx-mqtt certs server ENVIRONMENT";
        NameMissing "name-missing" Error "the broker's certificate lacks a name that devices use"
            why "devices refuse a broker of another name" fix "mkx-mqtt certs server ENVIRONMENT";
        KeyShared "key-shared" Error "both brokers have one key"
            why "one can pass itself off as the other" fix "mkx-mqtt certs server ENVIRONMENT";
        Readable "readable" Error "others may read a key or password file"
            why "whoever reads it can pass himself off as its owner" fix "chmod 600 FILE";
        Owner "owner" Error "a key or password file is somebody else's"
            why "its owner can read and replace it" fix "give it to whom its folder belongs";
        Writable "writable" Error "others may change the folder of the authority"
            why "they can put their own authority there" fix "chmod go-w FOLDER";
        ConfigurationMissing "configuration-missing" Error "the broker's configuration can not be read"
            why "what the broker lets in is not known" fix "mkx-mqtt render ENVIRONMENT --output";
        Include "include" Error "the configuration brings in other files"
            why "what is in them is not seen here" fix "take include_dir out";
        Bridge "bridge" Error "the broker is bridged to another one"
            why "messages leave the environment" fix "take the connection out";
        ListenerMissing "listener-missing" Error "nothing listens on a port of the environment"
            why "devices or the application can not connect" fix "mkx-mqtt render ENVIRONMENT --output";
        ListenerUnknown "listener-unknown" Error "the broker listens on a port that is not the environment's"
            why "what comes in there is not checked here" fix "take the listener out";
        PlainExposed "plain-exposed" Error "the plain port listens elsewhere than it should"
            why "passwords cross the network in the clear" fix "mkx-mqtt render ENVIRONMENT --output";
        Anonymous "anonymous" Error "everybody is let in without a name"
            why "everybody can read and write what the ACL gives to all"
            fix "set allow_anonymous false";
        RequireCertificate "require-certificate" Error "devices need no certificate"
            why "anybody can pass himself off as a device" fix "set require_certificate true";
        UseIdentityAsUsername "use-identity-as-username" Error "a device is not who its certificate says"
            why "a device can call itself another one" fix "set use_identity_as_username true";
        TlsVersion "tls-version" Error "versions of TLS are allowed that are broken"
            why "what is sent can be read on the way" fix "set tls_version tlsv1.2";
        TlsUnset "tls-unset" Error "the port of the devices lacks a certificate or key"
            why "it does not speak TLS" fix "mkx-mqtt render ENVIRONMENT --output";
        TlsForeign "tls-foreign" Error "the configuration names another file than the environment's"
            why "devices of somebody else are let in, or none" fix "mkx-mqtt render ENVIRONMENT --output";
        CrlUnset "crl-unset" Error "the broker reads no revocation list"
            why "revoked certificates are accepted" fix "mkx-mqtt render ENVIRONMENT --output";
        AclFileUnset "acl-file-unset" Error "the broker has no ACL"
            why "everybody may do everything" fix "mkx-mqtt render ENVIRONMENT --output";
        AclFileForeign "acl-file-foreign" Error "the broker's ACL is not the environment's"
            why "who may do what is not what the site says" fix "mkx-mqtt render ENVIRONMENT --output";
        PasswordFileUnset "password-file-unset" Error "the plain port has no password file"
            why "everybody or nobody comes in" fix "mkx-mqtt render ENVIRONMENT --output";
        PasswordFileForeign "password-file-foreign" Error "the password file is not the environment's"
            why "accounts of somebody else are let in" fix "mkx-mqtt render ENVIRONMENT --output";
        AclMissing "acl-missing" Error "the ACL can not be read"
            why "the broker does not start without it" fix "mkx-mqtt render ENVIRONMENT --output";
        AclOpen "acl-open" Error "the ACL allows more than the site says"
            why "a device can reach what is not its own" fix "mkx-mqtt render ENVIRONMENT --output";
        AclClosed "acl-closed" Error "the ACL allows less than the site says"
            why "messages are lost without a word" fix "mkx-mqtt render ENVIRONMENT --output";
        PasswordsMissing "passwords-missing" Error "the password file can not be read"
            why "the application can not connect" fix "mkx-mqtt passwd ENVIRONMENT --from-site";
        AccountMissing "account-missing" Error "the application has no account"
            why "the application can not connect" fix "mkx-mqtt passwd ENVIRONMENT --from-site";
        AccountUnknown "account-unknown" Error "there is an account that is not the application's"
            why "devices have certificates; nobody else should come in by the plain port"
            fix "mkx-mqtt passwd ENVIRONMENT NAME --delete";
        PasswordPlain "password-plain" Error "a password is not hashed as Mosquitto does it"
            why "whoever reads the file has the password" fix "mkx-mqtt passwd ENVIRONMENT --from-site";
        PasswordOther "password-other" Error "the application's password is not the one that the site names"
            why "the application can not connect" fix "mkx-mqtt passwd ENVIRONMENT --from-site";
        PasswordUnread "password-unread" Error "the password that the site names could not be read"
            why "whether it is the broker's, or the other environment's too, is not known"
            fix "see that the place that the site document names has it";
        PasswordShared "password-shared" Error "both environments have one password"
            why "each application can connect to the other's broker"
            fix "give development a password of its own, then: mkx-mqtt passwd eb --from-site";
        LetIn "let-in" Error "a broker lets somebody in who must stay outside"
            why "the brokers are not apart" fix "mkx-mqtt check says what in its files lets them in";
        TooMuch "too-much" Error "somebody can do on a broker what is not its own"
            why "one device can read or write as another"
            fix "mkx-mqtt render ENVIRONMENT --output, and restart the broker";
        TooLittle "too-little" Error "somebody can not do on a broker what is its own"
            why "devices or the application do not work"
            fix "mkx-mqtt check; a changed listener needs a restart of the broker";
        Untold "untold" Error "what a broker allows could not be told"
            why "what is not shown is not taken for right" fix "see what stands with it, and probe again";
        Crossing "crossing" Error "a message of one broker was heard on the other"
            why "the brokers are bridged, or are one" fix "find what connects them: mkx-mqtt check";
        RetainedLeft "retained-left" Error "a broker keeps a message of the probe, or that can not be seen"
            why "devices that come later would get it" fix "publish an empty retained message there";
    }
}

impl Rule {
    /// Those of `probe`; the others are `check`'s.
    pub const PROBE: [Rule; 6] = [
        Rule::LetIn,
        Rule::TooMuch,
        Rule::TooLittle,
        Rule::Untold,
        Rule::Crossing,
        Rule::RetainedLeft,
    ];
}
