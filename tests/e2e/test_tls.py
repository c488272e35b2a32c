"""OpenFlow over TLS, in-band, against Debian's ovs-testcontroller: who is let in, who is refused and how the
operator learns why, and certificates that are renewed while the switch runs."""

from lab import case, peers, pki


class Tls(case.LabTest):
    def make(self, peer_name=None):
        network = self.network(1)
        self.ca = pki.Authority(self.lab)
        certificate, key = self.ca.issue("switch")
        address = f"ssl:{network.controller_ip}:6653"
        controller = {"address": address, "peer_name": peer_name} if peer_name else address
        lifeline = self.watch(network.make_switch(controllers=[controller], config={
            "tls": {"ca": self.ca.certificate, "certificate": certificate, "private_key": key}}))
        return network, lifeline

    def serve(self, network, identity, ca=None):
        certificate, key = identity
        return peers.testcontroller(
            network.ctl, "OpenFlow13", scheme="pssl",
            options=("-p", key, "-c", certificate, "-C", (ca or self.ca).certificate))

    def expect_refusal(self, lifeline, text):
        self.lab.until(lambda: text in lifeline.remote().get("last_error", ""),
                       f"status says '{text}'")
        self.assertIn(text, lifeline.process.log())
        self.assertEqual(lifeline.remote()["connections"], 0)

    def test_only_the_controller_with_the_right_certificate_gets_a_session(self):
        network, lifeline = self.make()
        right = self.ca.issue("controller", san=f"IP:{network.controller_ip}")
        other = pki.Authority(self.lab, "other")
        lifeline.start()
        network.address_local(lifeline, "static")
        self.assertEqual(lifeline.remote()["target"], f"ssl:{network.controller_ip}:6653")

        for identity, text in (
                (self.ca.issue("expired", days=-1), "certificate has expired on "),
                (other.issue("stranger"), "does not come from an authority in tls.ca"),
                (self.ca.issue("elsewhere", san="IP:10.0.0.77"), "is for other addresses than 10.0.0.1")):
            controller = self.serve(network, identity)
            self.expect_refusal(lifeline, text)
            controller.stop()

        controller = self.serve(network, right)
        self.lab.until(lifeline.connected, "the session comes up")
        self.assertEqual(lifeline.remote()["last_error"], "")
        self.assertEqual(lifeline.hidden_letters(), "abcdefghi")
        # Under the worst flow the session lives, through the hidden rules alone.
        lifeline.ofctl("add-flow", "priority=65535,actions=drop")
        rules = {rule["letter"]: rule["packets"] for rule in lifeline.hidden_rules()}
        controller.stop()
        self.serve(network, right)
        self.lab.until(lambda: lifeline.connected() and lifeline.remote()["connections"] == 2,
                       "another session comes up")
        self.assertGreater({r["letter"]: r["packets"] for r in lifeline.hidden_rules()}["h"], rules["h"])

    def test_a_controller_that_speaks_no_tls_is_named_as_such(self):
        network, lifeline = self.make()
        peers.testcontroller(network.ctl)
        lifeline.start()
        network.address_local(lifeline, "static")
        self.expect_refusal(lifeline, "does the peer speak TLS on this port?")

    def test_the_configured_name_must_be_in_the_certificate(self):
        network, lifeline = self.make(peer_name="c1.example")
        lifeline.start()
        network.address_local(lifeline, "static")
        controller = self.serve(network, self.ca.issue("wrong", san="DNS:c2.example"))
        self.expect_refusal(lifeline, "is not for c1.example, the name configured")
        controller.stop()
        self.serve(network, self.ca.issue("right", san="DNS:c1.example"))
        self.lab.until(lifeline.connected, "the session comes up")

    def test_renewed_files_are_used_by_the_next_connection(self):
        """The authority changes under the running switch: what it was given first is refused afterwards. Broken
        files leave what was read before in force."""
        network, lifeline = self.make()
        new = pki.Authority(self.lab, "new")
        lifeline.start()
        network.address_local(lifeline, "static")
        controller = self.serve(network, self.ca.issue("first"))
        self.lab.until(lifeline.connected, "the first session comes up")

        tls = lifeline.config["tls"]
        certificate, key = new.issue("renewed-switch")
        old_controller = self.lab.path("first-cert.pem"), self.lab.path("first-key.pem")
        for target, source in ((tls["private_key"], key), (tls["certificate"], certificate),
                               (tls["ca"], new.certificate)):
            pki.replace(target, source)
        controller.stop()
        self.ca.certificate = new.certificate
        controller = self.serve(network, old_controller)
        self.lab.until(lambda: "authority in tls.ca" in lifeline.remote().get("last_error", ""),
                       "the old controller is refused")
        controller.stop()
        renewed = new.issue("renewed-controller")
        controller = self.serve(network, renewed)
        self.lab.until(lifeline.connected, "the renewed controller is let in")

        lifeline.allow(r"WARN control: tls\.ca: .* cannot be used: .*the files read before stay in force")
        with open(tls["ca"], "w", encoding="utf-8") as file:
            file.write("half a certificate\n")
        controller.stop()
        self.serve(network, renewed)
        self.lab.until(lambda: lifeline.connected() and lifeline.remote()["connections"] == 3,
                       "the session comes back with the files read before")
        self.assertIn("stay in force", lifeline.process.log())

    def test_a_revoked_certificate_and_an_outdated_list_are_refused(self):
        network, lifeline = self.make()
        first, second = self.ca.issue("first"), self.ca.issue("second")
        lists = lifeline.config["tls"]["crl"] = self.ca.revocation_list("crl")
        lifeline.start()
        network.address_local(lifeline, "static")
        controller = self.serve(network, first)
        self.lab.until(lifeline.connected, "nobody is revoked")

        def refused(text):
            self.lab.until(lambda: text in lifeline.remote()["last_error"], f"status says '{text}'")
        # The list is renewed, and read for the next connection.
        pki.replace(lists, self.ca.revocation_list("revoked", [first[0]]))
        controller.stop()
        controller = self.serve(network, first)
        refused("the certificate /CN=first is refused: certificate revoked")
        controller.stop()
        controller = self.serve(network, second)
        self.lab.until(lifeline.connected, "another certificate of the same authority is good")

        pki.replace(lists, self.ca.revocation_list("outdated", next_update="210101000000Z"))
        controller.stop()
        controller = self.serve(network, second)
        refused("the revocation list of /CN=lab ca in tls.crl was to be renewed by Jan  1 00:00:00 2021")
        other = pki.Authority(self.lab, "other").revocation_list("others")
        pki.replace(lists, other)
        refused("tls.crl has no revocation list of its authority, /CN=lab ca")
        pki.replace(lists, self.ca.revocation_list("good"))
        self.lab.until(lifeline.connected, "a list in force lets it in")
        lifeline.allow(r"WARN control: tls\.crl: .* cannot be used: .*the files read before stay in force")
        with open(lists, "w", encoding="utf-8") as file:
            file.write("half a list\n")
        controller.stop()
        self.serve(network, second)
        self.lab.until(lambda: "stay in force" in lifeline.process.log(), "a broken list changes nothing")
        self.lab.until(lifeline.connected, "it is let in")

    def test_ovs_ofctl_reaches_the_switch_over_tls_only_with_a_certificate(self):
        network, lifeline = self.make()
        lifeline.config["listen"] = ["pssl:6655:127.0.0.1"]
        lifeline.start()
        certificate, key = self.ca.issue("client")
        stranger = pki.Authority(self.lab, "other").issue("stranger")

        def show(identity):
            return network.sw.run("ovs-ofctl", "-O", "OpenFlow13", "-p", identity[1], "-c", identity[0],
                                   "-C", self.ca.certificate, "show",
                                   "ssl:127.0.0.1:6655", check=False)

        self.assertNotEqual(show(stranger).returncode, 0)
        lifeline.process.wait_log("a client is refused: TLS: the certificate .* is refused")
        self.assertIn("OFPT_FEATURES_REPLY", show((certificate, key)).stdout)

        # By TLS 1.2 and 1.3, and nothing older, whatever the client would put up with.
        for version, taken in (("-tls1_3", True), ("-tls1_2", True), ("-tls1_1", False), ("-tls1", False)):
            result = network.sw.run("timeout", "5", "openssl", "s_client", "-brief", version, "-cipher", "ALL:@SECLEVEL=0",
                                    "-cert", certificate, "-key", key, "-connect", "127.0.0.1:6655", check=False)
            said = result.stdout + result.stderr
            self.assertEqual("CONNECTION ESTABLISHED" in said, taken, f"{version}: {said}")
            if not taken:
                self.assertIn("protocol version", said)
