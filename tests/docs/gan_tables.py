"""Tables of the documentation on the GAN's pictures, made from measured results."""

from __future__ import annotations

from tests.docs.tables import matrix, result, table


def gan_recovery() -> str:
    """Returns what came through each channel."""
    rows = []
    for name, row in result("gan")["channels"].items():
        low, high = row["failure_rate_95"]
        rows.append(
            (
                f"`{name}`",
                f"{row['pictures']:,}",
                f"{row['message_bits']:,}",
                f"{row['exact']:,}",
                f"{100 * low:.2f} to {100 * high:.2f} %",
                f"{row['with_the_table_alone']['exact']:,}",
            )
        )
    head = "channel|pictures|message, bits|read exactly|failed, 95 % interval"
    return table(f"{head}|read without the extractor's variance", rows)


def gan_calibration() -> str:
    """Returns how right the extractor is about its own errors."""
    rows = [
        (
            f"`{name}`",
            *(f"{ratio:.2f}" for ratio in row["mean_square_error_in_own_units"]),
            f"{row['information_bits']['own_variance']:,}",
            f"{row['information_bits']['table']:,}",
        )
        for name, row in result("gan")["channels"].items()
    ]
    head = "channel|coarse cells|middle|fine|information, bits"
    return table(f"{head}|without the extractor's variance", rows)


def gan_detection() -> str:
    """Returns what each detector made of pictures with a message, and of its control."""
    rows = [
        (row["attack"], row["scheme"]["text"], row["control_scheme"], row["control"]["text"])
        for row in result("detection_gan")["attacks"]
    ]
    return table("detector|GAN|the bad scheme|the bad scheme, detected", rows)


def looks() -> str:
    """Returns how far each generator's pictures are from photographs."""
    names = {"gan": "`gan`", "diffusion": "`diffusion`", "crops": "other crops"}
    found = result("looks")["distance"]
    kinds = list(found["gan"])
    rows = [
        (shown, *(f"{found[name][kind]:.2f}" for kind in kinds)) for name, shown in names.items()
    ]
    return table("pictures|" + "|".join(kinds), rows)


def matrix_gan() -> str:
    """Returns what one compiler wrote and another read."""
    return matrix("matrix_gan")


GAN_TABLES = (gan_recovery, gan_calibration, gan_detection, looks, matrix_gan)
