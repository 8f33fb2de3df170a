//! The rules: what each is about, why it matters, and what to do.

mkx_contract::rules! {
    /// The rules of `audit`, `drift` and `env check`, by what they are about.
    pub enum Rule {
        VariableMissing "variable-missing" Error "a variable that must be set is not"
            why "the application falls back to a default, which may be the other environment's"
            fix "set it in the environment's env file";
        VariableEqual "variable-equal" Error "a value that must differ is the same in both environments"
            why "whoever holds development's value holds production's: a token, a session or a login of one is good in the other"
            fix "give development a value of its own; mkx-compose env new eb makes fresh secrets";
        VariableDiffers "variable-differs" Error "a value that must be the same in both environments differs"
            why "the sampled rows depend on it: public ids and links would no longer fit"
            fix "copy production's value into development's env file";
        VariableValue "variable-value" Error "a variable does not have the value that the site gives it"
            why "the environment would present itself as another one, or report for it"
            fix "set it to what site.json says under variables, or correct site.json";
        VariablePlaceholder "variable-placeholder" Error "a placeholder waits for its value"
            why "the application starts with a value that nobody chose"
            fix "follow the comment above the line";
        EnvFileMode "env-file-mode" Warning "an env file can be read by others"
            why "every user of the host can read the secrets in it"
            fix "chmod 600 the file";
        ContainerName "container-name" Error "both environments name a container alike"
            why "the engine runs one of them only: starting development fails, or takes the place of production's"
            fix "name containers PROJECT-SERVICE: container_name: ${COMPOSE_PROJECT_NAME}-…";
        HostPort "host-port" Error "both environments publish a port of the host"
            why "only one of them can start, and what listens there is a matter of chance"
            fix "give development a port of its own in its override";
        Volume "volume" Error "both environments mount a volume"
            why "two servers write to one set of files: the data are lost"
            fix "let the volume belong to the project, or name development's anew; list it under shared.volumes only if it belongs to neither";
        SharedVolume "shared-volume" Error "a service of development mounts a volume of the edge"
            why "the TLS keys of production's domains are in it"
            fix "remove the mount";
        BindSource "bind-source" Error "both environments mount a folder, and one of them writes to it"
            why "what one writes, the other serves, deletes or trusts"
            fix "give development a folder of its own";
        SharedSecretFile "shared-secret-file" Error "both environments read a certificate, key or password file"
            why "who is admitted to one is admitted to the other"
            fix "make development's own";
        Network "network" Error "both environments are on a network that is not the shared one"
            why "every container of one reaches every container of the other, databases included"
            fix "let the network belong to the project: no fixed name, not external";
        NetworkOwner "network-owner" Error "a project makes the shared network itself"
            why "the network goes when that project goes down, and the other environment with it"
            fix "make it once with docker network create, and write external: true";
        ImageName "image-name" Error "both environments build an image of the same name"
            why "building development replaces the image that production starts next"
            fix "leave out image:, so that the project's name is in it, or write ${COMPOSE_PROJECT_NAME}";
        SecretValue "secret-value" Error "a container of development is given a secret of production's"
            why "whoever reads development's environment can act in production"
            fix "give development a value of its own";
        PointsAtOther "points-at-other" Error "an environment is given a name of the other's"
            why "it would read from, write to, or send people to the other environment"
            fix "name the environment's own";
        NetworkAlias "network-alias" Error "both environments answer to one name on the shared network"
            why "Docker resolves the name to either, by turns"
            fix "remove the alias, or put the project's name into it";
        AmbiguousName "ambiguous-name" Error "a reference to a name that either environment answers to"
            why "Docker resolves the name to either, by turns: requests and messages cross"
            fix "refer to the container's own name, PROJECT-SERVICE";
        CookieDomain "cookie-domain" Error "development's cookies are sent to production too"
            why "a session of development would replace or join that of production in a browser"
            fix "set the domain to development's own host";
        EnvFile "env-file" Error "development is given an env file of production's"
            why "production's secrets and addresses are in it, and what development's own files leave out comes from there"
            fix "give development an env file of its own: mkx-compose env new eb";
        ForeignBuild "foreign-build" Error "development is built from production's checkout"
            why "development tests other code than its branch's"
            fix "make the build context relative to the compose file";
        DefaultNamesOther "default-names-other" Warning "a default names the other environment"
            why "where the variable is forgotten, the environment uses the other's without a word"
            fix "write ${NAME:?} instead, so that a forgotten variable is an error";
        EdgeAuth "edge-auth" Error "development's site asks for no password"
            why "everyone can see it, and sign up on it"
            fix "add basic_auth labels, as mkx-caddy render --format labels writes them";
        EdgeNoindex "edge-noindex" Error "development's site does not say noindex"
            why "search engines list it beside production"
            fix "add the header X-Robots-Tag with noindex";
        EdgeHost "edge-host" Error "both environments tell the edge that they serve a host"
            why "the edge answers from either, or refuses its whole configuration"
            fix "give development's label a host of its own";
        LabelQuoting "label-quoting" Error "a header's value in a label has spaces and no quotes"
            why "the proxy takes the words for several arguments and drops or misreads the header"
            fix "put double quotes into the value: '\"a, b\"'";
        LabelDollar "label-dollar" Error "a hash in a label has single dollar signs"
            why "Docker Compose takes them for variables: the file is refused, or nobody can log in"
            fix "double every dollar sign";
        PublishedPort "published-port" Error "a port is published on all addresses"
            why "Docker's rules come before the host's firewall: the whole internet reaches it, and nothing in front of it asks for a password"
            fix "publish it on 127.0.0.1, or not at all";
        StoreOnSharedNetwork "store-on-shared-network" Error "a data store is on the shared network"
            why "the other environment's containers reach it"
            fix "put it on the project's internal network only";
        AdminInterface "admin-interface" Warning "an admin interface is on the shared network"
            why "a container of the other environment can change it"
            fix "bind it to localhost or a unix socket in the container";
        DockerSocket "docker-socket" Error "a container of development holds the engine's socket"
            why "whoever is in the container is root on the host"
            fix "remove the mount";
        HostAccess "host-access" Error "a container of development is not confined"
            why "it reaches production through the host"
            fix "remove the key";
        NoLimits "no-limits" Error "a service of development has no limits"
            why "one runaway process of development takes production down"
            fix "mkx-compose limits --format yaml writes them";
        OverShare "over-share" Error "development may take more than its share"
            why "production has less than it needs when both are busy"
            fix "lower the limits: mkx-compose limits";
        MemoryMismatch "memory-mismatch" Warning "a process is told to take more memory than its container may"
            why "the kernel kills it when it does as it is told"
            fix "lower the process's own setting, or raise the limit";
        EvictingQueue "evicting-queue" Error "jobs are queued on a Redis that evicts"
            why "queued jobs vanish when memory is short"
            fix "use a Redis with noeviction for queues";
        MutableTag "mutable-tag" Warning "an image's tag moves"
            why "what was tested is not what is deployed"
            fix "name a version, best by digest";
        ProjectName "project-name" Error "a file addresses another project"
            why "docker compose typed by hand in this checkout acts on the other environment"
            fix "remove name:, or make it the site's project";
        LiteralSecret "literal-secret" Warning "a secret is written in a compose file"
            why "it is in the repository, and the same for everybody who has it"
            fix "write ${NAME} and set it in the env file";
        UnsetVariable "unset-variable" Warning "a variable is set nowhere"
            why "Docker Compose takes it for empty and only warns"
            fix "set it in the env file, or give it a default";
        WorkingDirectory "working-directory" Warning "the environment is chosen by the working directory"
            why "the same command does another thing in another terminal"
            fix "name the environment: mkx-compose up eb";
        Drift "drift" Error "what runs is not what the files say"
            why "what was audited and tested is not what serves"
            fix "mkx-compose up ENVIRONMENT -- --force-recreate, or put the change into the files";
        NotRunning "not-running" Warning "a service that the files name does not run"
            why "the audit of running containers could not look at it"
            fix "mkx-compose up ENVIRONMENT";
        Stranger "stranger" Error "a container of neither environment reaches into one"
            why "it answers in the environment's place, reads or writes its data, or holds what it needs to start, and no file of either says so"
            fix "stop the container and remove it, or take from it what is the environment's; where it has to be, give it what it reads read-only and accept the finding";
    }
}

/// Those about what runs; files alone do not break them.
pub const LIVE: [Rule; 3] = [Rule::Drift, Rule::NotRunning, Rule::Stranger];

/// Those of `drift`.
pub const DRIFT: [Rule; 2] = [Rule::Drift, Rule::NotRunning];

/// Those whose breach lets development reach into production the moment it starts.
pub const REACHING_IN: [Rule; 8] = [
    Rule::ContainerName,
    Rule::Volume,
    Rule::SharedVolume,
    Rule::BindSource,
    Rule::NetworkOwner,
    Rule::ImageName,
    Rule::PointsAtOther,
    Rule::EnvFile,
];
