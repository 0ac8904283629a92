"""Chooses the way of deleting from a repository: by the registry's name, else by the challenge that it sent."""

from __future__ import annotations

from functools import partial
from urllib.parse import urlsplit

from release.oci.deletion import Deletion
from release.oci.grammar import is_digest
from release.oci.reference import Reference
from release.registry.auth.challenge import scope
from release.registry.auth.credential import Anonymous
from release.registry.auth.ecr import has_boto3, is_ecr
from release.registry.deletion import azure, docker_hub, github, gitlab, harbor, quay
from release.registry.deletion.amazon import ElasticRegistry
from release.registry.deletion.fallback import TagsThroughApi
from release.registry.deletion.specification import BySpecification
from release.registry.hosts.call import Call
from release.registry.hosts.host import Host


def deletion_of(reference: Reference, host: Host) -> Deletion:
    """The way of deleting from `reference`.

    A registry of an unknown name is known by its challenge, so it has to be asked something before. One that sent none
    is deleted from by the specification.
    """
    name, repository = reference.registry, reference.repository
    specification = BySpecification(host, partial(_deletion_call, reference))
    if name == github.REGISTRY:
        return github.github_packages(host, repository)
    if name == docker_hub.REGISTRY:
        return docker_hub.docker_hub(host, repository)
    # Without boto3, and in a run that may use no credential, the registry's own refusal says more.
    if is_ecr(name) and has_boto3() and not isinstance(host.ports.credentials, Anonymous):
        return ElasticRegistry(name, repository)
    if azure.HOSTS.fullmatch(name):
        return azure.AzureRegistry(host, repository, specification)
    return _by_challenge(reference, host, specification)


def _by_challenge(reference: Reference, host: Host, specification: BySpecification) -> Deletion:
    challenge = host.authorization.challenge
    parameters = {} if challenge is None else challenge.parameters
    realm = urlsplit(parameters.get("realm", ""))
    repository, own = reference.repository, reference.api_host
    if parameters.get("service") == harbor.SERVICE:
        return harbor.harbor(host, repository, own)
    if realm.path == gitlab.REALM and realm.netloc:
        # The credential goes to the realm's host anyway, which is the GitLab itself.
        return TagsThroughApi(specification, gitlab.gitlab_tags(host, repository, realm.netloc))
    if realm.path == quay.REALM and realm.netloc == own:
        return TagsThroughApi(specification, quay.quay_tags(host, repository, own))
    return specification


def _deletion_call(reference: Reference, what: str) -> Call:
    """The specification's deletion of a tag or digest `what`."""
    repository = reference.repository
    return Call(
        method="DELETE",
        path=f"/v2/{repository}/manifests/{what}",
        what=f"deleting {'' if is_digest(what) else 'tag '}`{what}` of `{reference.name}`",
        subject=repository,
        scopes=(scope(repository, "delete"),),
    )
