//! The rules of the edge: what the site promises, and how labels must be written.

use mkx_contract::record::finding::Rule as _;

mkx_contract::rules! {
    /// What a row of the matrix proves, and what a finding is about.
    pub enum Rule {
        Accounts "accounts" Error "other people may log in than the users file says"
            why "who is in the configuration gets into development, whatever the file says"
            fix "apply the site's edge (mkx-caddy apply), or bring the accounts into the file: mkx-caddy users";
        Certificate "certificate" Error "a host's certificate is not trusted, or was not renewed in time"
            why "browsers and devices refuse the host, today or when it lapses"
            fix "look into Caddy's log for why it can not get one: DNS, port 80, the authority's limits";
        Credentials "credentials" Error "development answers without a password"
            why "development holds a sample of production's data, and is for its developers"
            fix "put Basic Auth in front of everything but access.public_paths";
        Header "header" Error "a host's answers lack a header, or have one that they must not"
            why "security, indexing and caching hang on it: on errors and redirects too"
            fix "set it where it belongs and only there, at once and deferred, as mkx-caddy render does; in a label with double quotes";
        Health "health" Error "the health URL is not answered well"
            why "deployments and monitors go by it"
            fix "look whether the API runs, and whether its prefix is stripped on the way to it";
        HostMissing "host-missing" Error "no site has a host that the site document names"
            why "whoever asks for it gets an empty answer or no certificate"
            fix "add a site for it, with labels or in the Caddyfile";
        Http2 "http2" Error "a host does not speak HTTP/2"
            why "pages with many files are slow over HTTP/1.1"
            fix "leave h2 among the server's protocols";
        HttpsRedirect "https-redirect" Error "plain http of a site is not led to https"
            why "passwords and cookies would travel unencrypted"
            fix "redirect it (308)";
        LabelDollar "label-dollar" Error "a hash in a label has single dollar signs"
            why "Docker Compose takes them for variables: the file is refused, or nobody can log in"
            fix "double every dollar sign";
        LabelQuoting "label-quoting" Error "a header's value in a label has spaces and no quotes"
            why "the proxy takes the words for several arguments and drops or misreads the header"
            fix "put double quotes into the value: '\"a, b\"'";
        LabelUnclosed "label-unclosed" Error "a quote in a label is never closed"
            why "the proxy can not read the label, and drops the container's labels"
            fix "close it";
        LabelWithoutSite "label-without-site" Error "a label belongs to no site"
            why "the proxy takes the directive for a global option, and refuses it or drops it"
            fix "add the label that names the host";
        LeadsOut "leads-out" Error "a link that leads out of a vault is served"
            why "Caddy follows links: to production's files, or to the edge's own keys"
            fix "remove the link, or apply the site's edge again: mkx-caddy apply";
        Login "login" Error "the login of an environment does not come back to it"
            why "who logs in at development would be sent to production, or the other way round"
            fix "give the environment's OAuth client its own callback";
        OwnEnvironment "own-environment" Error "a host is not served by its own environment"
            why "users of one environment would read and write the data of the other, or get no page"
            fix "let the host's routes lead to containers and folders of its own environment";
        PlainHttp "plain-http" Error "a vault's plain http is led to https"
            why "devices without TLS get no file any more"
            fix "serve the vault's host over http:// too, without a redirect";
        PublicPath "public-path" Error "a page that must be open asks for a password"
            why "nobody can log in where the page that does it asks for a password"
            fix "leave production, and access.public_paths of development, out of Basic Auth";
        Redirect "redirect" Error "a host that only redirects does not lead to its site"
            why "who types it ends up elsewhere, or nowhere"
            fix "redirect it to the environment's domain, with the path";
        Refused "refused" Error "Caddy does not accept the configuration"
            why "a reload keeps the former configuration, a restart starts without any"
            fix "mend what Caddy names";
        Restricted "restricted" Error "a vault serves what must not be served"
            why "layers, exports and half-written files are not for the public"
            fix "answer vault.restricted with 404, before the file server";
        Robots "robots" Error "robots.txt of development does not forbid all"
            why "development would be found by search engines"
            fix "answer /robots.txt with 'Disallow: /', before Basic Auth";
        Unreachable "unreachable" Error "a host does not answer"
            why "nothing of it could be looked at"
            fix "look whether Caddy runs, and whether the address is the edge's";
        UpstreamAway "upstream-away" Error "the application behind a host does not answer"
            why "users see an error of the edge"
            fix "look whether its containers run, and share the edge's network";
        VaultFile "vault-file" Error "a vault does not serve its own files"
            why "files are missing, or are those of the other environment"
            fix "let the host's root be the environment's vault, over https and plain http";
        VaultLegacy "vault-legacy" Error "a file is not found by its former path"
            why "devices in the field ask for it by that"
            fix "rewrite former paths as mkx-caddy render does";
        VaultMissing "vault-missing" Error "a vault answers for a file that is not there"
            why "what is kept for a name that has no file yet is kept for ever"
            fix "answer 404, without Cache-Control";
    }
}

impl Rule {
    /// True for rules about the text of labels.
    pub fn is_of_labels(self) -> bool {
        self.id().starts_with("label-")
    }
}
