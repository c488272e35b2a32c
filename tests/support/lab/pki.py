"""Certificates, made with openssl(1) when a test needs them."""

import os

from . import process


class Authority:
    """A certificate authority with its files in the lab's directory."""

    def __init__(self, lab, name="ca"):
        self.lab = lab
        self.name = name
        self.key = lab.path(f"{name}-key.pem")
        self.certificate = lab.path(f"{name}-cert.pem")
        process.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                     "-nodes", "-keyout", self.key, "-out", self.certificate, "-days", "30",
                     "-subj", f"/CN=lab {name}"])

    def issue(self, name, san=None, days=30):
        """(certificate, key) for `name`. `san`: "IP:10.0.0.1" or "DNS:x". days < 0: expired."""
        key, request = self.lab.path(f"{name}-key.pem"), self.lab.path(f"{name}.csr")
        certificate = self.lab.path(f"{name}-cert.pem")
        process.run(["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                     "-nodes", "-keyout", key, "-out", request, "-subj", f"/CN={name}"])
        extensions = []
        if san:
            file = self.lab.path(f"{name}.ext")
            with open(file, "w", encoding="utf-8") as out:
                out.write(f"subjectAltName={san}\n")
            extensions = ["-extfile", file]
        process.run(["openssl", "x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey",
                     self.key, "-CAcreateserial", "-out", certificate, "-days", str(days), *extensions])
        return certificate, key

    def revocation_list(self, name, revoked=(), next_update="491231235959Z"):
        """The file of a list that names the certificates `revoked` (files). Valid until `next_update` (UTC)."""
        database, config = self.lab.path(f"{self.name}-index.txt"), self.lab.path(f"{self.name}.cnf")
        with open(database, "w", encoding="utf-8"):
            pass
        with open(config, "w", encoding="utf-8") as out:
            out.write(f"[ca]\ndefault_ca=it\n[it]\ndatabase={database}\ndefault_md=sha256\n")
        openssl = ["openssl", "ca", "-config", config, "-cert", self.certificate, "-keyfile", self.key]
        for certificate in revoked:
            process.run([*openssl, "-revoke", certificate])
        path = self.lab.path(f"{name}.pem")
        process.run([*openssl, "-gencrl", "-crl_lastupdate", "200101000000Z", "-crl_nextupdate", next_update,
                     "-out", path])
        return path


def replace(target, source):
    """As a tool that renews certificates does: the new file takes the old one's place in one step."""
    with open(source, "rb") as file:
        data = file.read()
    with open(target + ".new", "wb") as file:
        file.write(data)
    os.rename(target + ".new", target)
