"""GStreamer's RTSP server with a moving ball, whom one user may watch. For Debian's own Python, which has its bindings; prints its port."""

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

DIGEST = 2

Gst.init(None)
server = GstRtspServer.RTSPServer.new()
server.set_address("127.0.0.1")
server.set_service("0")
factory = GstRtspServer.RTSPMediaFactory.new()
factory.set_shared(True)
factory.set_launch(
    "( videotestsrc is-live=true pattern=ball ! video/x-raw,width=240,height=140,framerate=10/1"
    " ! x264enc tune=zerolatency key-int-max=10 ! rtph264pay name=pay0 pt=96 config-interval=1 )"
)
who = GstRtspServer.RTSPToken.new()
who.set_string("media.factory.role", "viewer")
auth = GstRtspServer.RTSPAuth.new()
auth.set_supported_methods(DIGEST)
auth.add_digest("anna", "geheim", who)
server.set_auth(auth)
may = GstRtspServer.RTSPPermissions.new()
may.add_role("viewer")
for what in ("access", "construct"):
    may.add_permission_for_role("viewer", f"media.factory.{what}", True)
factory.set_permissions(may)
server.get_mount_points().add_factory("/live", factory)
server.attach(None)
print(server.get_bound_port(), flush=True)
GLib.MainLoop().run()
