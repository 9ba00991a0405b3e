// Tells the server the viewer's time zone, so that it shows times in it.
document.cookie = "starfort_zone=" + encodeURIComponent(Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC")
  + "; path=/; max-age=31536000; samesite=strict";
