"""A learning switch on os-ken, for OpenFlow 1.0 and 1.3: what os-ken's simple_switch and simple_switch_13 do, which
Debian's package leaves out. Floods what it does not know, and installs a rule per (in_port, destination).
LEARNING_SWITCH_VERSION in the environment chooses the version: 1 or 4.
"""

import os

from os_ken.base import app_manager
from os_ken.controller import ofp_event
from os_ken.controller.handler import CONFIG_DISPATCHER, MAIN_DISPATCHER, set_ev_cls
from os_ken.lib.packet import ethernet, packet
from os_ken.ofproto import ofproto_v1_0, ofproto_v1_3

VERSIONS = {"1": ofproto_v1_0.OFP_VERSION, "4": ofproto_v1_3.OFP_VERSION}


class LearningSwitch(app_manager.OSKenApp):
    OFP_VERSIONS = [VERSIONS[os.environ.get("LEARNING_SWITCH_VERSION", "4")]]

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.where = {}  # (datapath id, MAC) -> port

    @set_ev_cls(ofp_event.EventOFPSwitchFeatures, CONFIG_DISPATCHER)
    def on_features(self, event):
        datapath = event.msg.datapath
        ofp, parser = datapath.ofproto, datapath.ofproto_parser
        if ofp.OFP_VERSION == ofproto_v1_3.OFP_VERSION:
            to_us = [parser.OFPActionOutput(ofp.OFPP_CONTROLLER, ofp.OFPCML_NO_BUFFER)]
            self.install(datapath, 0, parser.OFPMatch(), to_us)

    def install(self, datapath, priority, match, actions):
        ofp, parser = datapath.ofproto, datapath.ofproto_parser
        if ofp.OFP_VERSION == ofproto_v1_0.OFP_VERSION:
            datapath.send_msg(parser.OFPFlowMod(
                datapath=datapath, match=match, cookie=0, command=ofp.OFPFC_ADD, idle_timeout=0,
                hard_timeout=0, priority=priority, flags=0, actions=actions))
        else:
            apply = [parser.OFPInstructionActions(ofp.OFPIT_APPLY_ACTIONS, actions)]
            datapath.send_msg(parser.OFPFlowMod(datapath=datapath, priority=priority, match=match,
                                                instructions=apply))

    @set_ev_cls(ofp_event.EventOFPPacketIn, MAIN_DISPATCHER)
    def on_packet_in(self, event):
        message = event.msg
        datapath = message.datapath
        ofp, parser = datapath.ofproto, datapath.ofproto_parser
        old = ofp.OFP_VERSION == ofproto_v1_0.OFP_VERSION
        in_port = message.in_port if old else message.match["in_port"]
        frame = packet.Packet(message.data).get_protocol(ethernet.ethernet)
        self.where[datapath.id, frame.src] = in_port
        out_port = self.where.get((datapath.id, frame.dst), ofp.OFPP_FLOOD)
        actions = [parser.OFPActionOutput(out_port)]
        if out_port != ofp.OFPP_FLOOD:
            field = {"in_port": in_port, "dl_dst" if old else "eth_dst": frame.dst}
            self.install(datapath, 1, parser.OFPMatch(**field), actions)
        datapath.send_msg(parser.OFPPacketOut(
            datapath=datapath, buffer_id=message.buffer_id, in_port=in_port, actions=actions,
            data=message.data if message.buffer_id == ofp.OFP_NO_BUFFER else None))
